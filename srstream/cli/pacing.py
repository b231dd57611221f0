"""When the next frame is due, by the clock: no error adds up. Pure."""

from __future__ import annotations


class Pace:
    """A rate that is kept; time that was lost is not made up for by a burst."""

    def __init__(self, fps: float | None) -> None:
        """Take frames per second; none: each is due at once."""
        self._period = 0.0 if fps is None else 1.0 / fps
        self._first: float | None = None
        self._frames = 0

    def wait(self, now: float) -> float:
        """Return in how many seconds the next frame is due, and count it.

        Times are multiples of the period after the first frame, whenever this is called;
        only who is late by a whole period or more begins to count anew.
        """
        due = now if self._first is None else self._first + self._frames * self._period
        if self._first is None or now >= due + self._period:
            self._first, self._frames, due = now, 0, now
        self._frames += 1
        return max(0.0, due - now)
