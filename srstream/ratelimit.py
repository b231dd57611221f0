"""How often is said what others bring about: a flood must not fill the log. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable

EVERY = 10.0
"""Seconds between two lines about the same."""


class RateLimit:
    """Counts what happens, and tells when it is time for a line about it."""

    def __init__(
        self, clock: Callable[[], float], *, at_once: int = 1, every: float = EVERY
    ) -> None:
        """Begin with nothing said.

        Args:
            clock: monotonic seconds.
            at_once: lines that may follow each other; one more after each `every` seconds.
            every: seconds.
        """
        self._clock = clock
        self._every = every
        self._ahead = (at_once - 1) * every
        self._since: dict[Hashable, int] = {}
        self._next: dict[Hashable, float] = {}
        """When the next line would come if there was one after each `every` seconds."""

    def count(self, about: Hashable) -> int:
        """Count one; return how many came since the last line if a line is due, else 0.

        The kinds of what is counted must be few: all are kept.
        """
        now = self._clock()
        self._since[about] = self._since.get(about, 0) + 1
        due = max(self._next.get(about, now), now)
        if due - self._ahead > now:
            return 0
        self._next[about] = due + self._every
        return self._since.pop(about)
