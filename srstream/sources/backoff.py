"""When is something that failed tried again? Pure: it is told the time."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from srstream.ledger import Signature

FIRST = 1.0
"""Seconds until the second attempt; doubled from one to the next."""
LONGEST = 60.0
"""Seconds between attempts in the end, for ever."""


@dataclass(slots=True)
class _Failing:
    signature: Signature
    delay: float
    due: float | None
    """None: it is being tried."""


class BackOff:
    """Files that something cannot be done with now, and when each is tried again."""

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}

    def __contains__(self, source: object) -> bool:
        return source in self._failing

    def put_off(self, source: str, signature: Signature, now: float) -> bool:
        """Note that an attempt failed.

        Returns:
            Whether it is worth saying: at the first time, and when the delay has become
            the longest.
        """
        failing = self._failing.get(source)
        if failing is None or failing.signature != signature:
            self._failing[source] = _Failing(signature, FIRST, now + FIRST)
            return True
        before = failing.delay
        failing.delay = min(2 * before, LONGEST)
        failing.due = now + failing.delay
        return before < failing.delay == LONGEST

    def waits(self, source: str, signature: Signature) -> bool:
        """Tell whether just this content waits for its next attempt."""
        failing = self._failing.get(source)
        return (
            failing is not None
            and failing.due is not None
            and failing.signature == signature
        )

    def saw(self, source: str, signature: Signature) -> None:
        """Forget a file that has other content by now: it starts anew."""
        failing = self._failing.get(source)
        if failing is not None and failing.signature != signature:
            del self._failing[source]

    def next_due(self) -> float | None:
        """Return when the next attempt is due; none: nothing waits."""
        dues = (file.due for file in self._failing.values() if file.due is not None)
        return min(dues, default=None)

    def take_due(self, now: float) -> list[tuple[str, Signature]]:
        """Return those to be tried now; they stay known until `settled`."""
        due = [
            (source, file)
            for source, file in self._failing.items()
            if file.due is not None and file.due <= now
        ]
        for _, file in due:
            file.due = None
        return [(source, file.signature) for source, file in due]

    def settled(self, source: str) -> bool:
        """Forget a file; tell whether it was known: it could be done at last."""
        return self._failing.pop(source, None) is not None

    def keep_only(self, present: Container[str]) -> None:
        """Forget all files but these."""
        for source in [source for source in self._failing if source not in present]:
            del self._failing[source]
