"""Does the work get on? Pure.

What is asked is since when work stands still: since when there is some and no slice of it
began or ended. That alone would blame the work for time in which nobody looked, because the
whole process was stopped, or the machine slept: only time between looks that came when they
were expected is held against it.
"""

from __future__ import annotations

_LATE = 2.0
"""How many times as late as expected a look may be and still count in full."""


class Progress:
    """Adds up for how long the work has been seen to stand still."""

    def __init__(self, *, limit: float, every: float, now: float) -> None:
        """Begin.

        Args:
            limit: seconds of standing still that are too long.
            every: seconds from one look to the next.
            now: the clock by which the work counts, too, in seconds.
        """
        self._limit = limit
        self._longest = _LATE * every
        self._looked = now
        self._since: float | None = None
        self.still = 0.0
        """Seconds that it has been seen to stand still; 0: it moves, or there is none."""

    def look(self, now: float, *, still_since: float | None) -> bool:
        """Tell whether it gets on; false: it has stood still for too long."""
        passed = min(now - self._looked, self._longest)
        self._looked = now
        if still_since is None:
            self.still = 0.0
        elif still_since != self._since:
            self.still = min(now - still_since, passed)
        else:
            self.still += passed
        self._since = still_since
        return self.still < self._limit
