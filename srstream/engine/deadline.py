"""When a frame must be ready so that a rate is held, and how much may be spent on it. Pure.

A frame that comes when nothing else is in hand is due one period later. One that had to
wait for the frame before is due somewhat less than one period after that one was, so that
what is lost between two frames, or by a slow one, is taken out of the time of the next
ones, the rate holds, and the wait goes away.
"""

from __future__ import annotations

RESERVE = 0.15
"""Share of a period that is never planned for: other work on the machine, and what takes
longer than it did before."""
IDLE = 0.15
"""Share of a period after the end of a frame, from which on the next had not to wait."""
CATCHING_UP = 0.9
"""Share of a period between two frames of which the later one had to wait."""
FORGETS = 0.1
"""Share by which an estimate comes down to a lower measurement; up it goes at once."""


class Deadline:
    """The due time of each frame, and the prices of what is done for it."""

    def __init__(self, fps: float) -> None:
        self._period = 1.0 / fps
        self._due = self._finished = float("-inf")
        self._enlarging: float | None = None
        """Seconds per pixel; none: not known yet."""
        self._unit = 0.0
        self._had_units = False

    def begin(self, now: float) -> None:
        """Take up a frame."""
        self._had_units = False
        if now - self._finished > IDLE * self._period:
            self._due = now + self._period
            return
        # What is later than that is given up: the rate cannot be held any more.
        step = CATCHING_UP * self._period
        self._due = max(self._due, now - step) + step

    def leaves_time(self, now: float, pixels: int) -> bool:
        """Tell whether there is time for another unit before enlarging so many pixels.

        Not before the first frame has told how long that takes.
        """
        if self._enlarging is None:
            return False
        planned = now + self._unit + self._enlarging * pixels
        return planned <= self._due - RESERVE * self._period

    def unit_took(self, seconds: float) -> None:
        """Be told what a unit of adaptation took."""
        self._unit = _towards(self._unit, seconds)
        self._had_units = True

    def finish(self, now: float, pixels: int, enlarging: float | None) -> bool:
        """Be told that a frame is ready; true if it is late.

        Args:
            now: seconds.
            pixels: of the frame.
            enlarging: seconds that it took; none: it tells nothing of other frames.
        """
        if enlarging is not None:
            each = enlarging / pixels
            before = each if self._enlarging is None else self._enlarging
            self._enlarging = _towards(before, each)
        if not self._had_units:
            # Else a single slow one would leave no time for any other, for ever.
            self._unit *= 1.0 - FORGETS
        self._finished = now
        return now > self._due


def _towards(estimate: float, measured: float) -> float:
    return max(measured, estimate + FORGETS * (measured - estimate))
