"""When has a file stopped growing? Pure: it is told what was seen, and when.

A file has settled when two looks, a window apart, found the same size and time of
change, and nobody closed it in between. Files that settle close together belong to one
burst and are released together, so that they can be put in order: a settled file waits
while others are still settling, but never longer than a second window.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from srstream.ledger import Signature


@dataclass(slots=True)
class _Watched:
    signature: Signature
    since: float
    seen: float

    def has_settled(self, window: float) -> bool:
        return self.seen >= self.since + window


class Settle:
    """The files that are not known to be complete yet."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._files: dict[str, _Watched] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def saw(self, name: str, signature: Signature, *, now: float, age: float = 0.0) -> None:
        """Note a look at a file.

        Args:
            name: Which file.
            signature: What it was like.
            now: When it was looked at.
            age: Seconds since the file last changed, as far as the file system tells;
                believed at the first look only.
        """
        file = self._files.get(name)
        if file is None:
            self._files[name] = _Watched(signature, now - max(age, 0.0), now)
            return
        if file.signature != signature:
            file.signature = signature
            file.since = now
        file.seen = now

    def stirred(self, name: str, *, at: float) -> None:
        """Start the window again: somebody closed the file, or has it open."""
        file = self._files.get(name)
        if file is not None:
            file.since = max(file.since, at)

    def gone(self, name: str) -> None:
        """Forget a file."""
        self._files.pop(name, None)

    def gone_but(self, present: Container[str]) -> list[str]:
        """Forget all files but these, and return what was forgotten."""
        gone = [name for name in self._files if name not in present]
        for name in gone:
            del self._files[name]
        return gone

    def due(self, now: float) -> list[str]:
        """Return the files that a look would settle now, if they did not change."""
        return [
            name
            for name, file in self._files.items()
            if not file.has_settled(self._window) and file.since + self._window <= now
        ]

    def next_due(self) -> float | None:
        """Return when to look, or to take, next; none: nothing is waited for."""
        return min(
            (
                file.since + self._window * (2 if file.has_settled(self._window) else 1)
                for file in self._files.values()
            ),
            default=None,
        )

    def take_ready(self, now: float) -> list[tuple[str, Signature]]:
        """Release what has settled and need not wait for the rest of its burst."""
        settled = {
            name: file
            for name, file in self._files.items()
            if file.has_settled(self._window)
        }
        if len(settled) < len(self._files):
            settled = {
                name: file
                for name, file in settled.items()
                if file.since + 2 * self._window <= now
            }
        for name in settled:
            del self._files[name]
        return [(name, file.signature) for name, file in settled.items()]
