"""Does the source outrun the stream? Pure: told the counts, it says when to warn.

A burst is no reason to warn: the stream works it off while nothing new comes. So more
frames must arrive than are finished in every quarter of a window that is seen whole.
The short windows notice a fast source early, the long one notices slow sources at all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

_WINDOWS = (20.0, 60.0, 1800.0)
_GROWTH = 5
"""Frames by which the backlog must grow in a window."""
_SILENCE = 300.0
"""Seconds between two warnings."""


@dataclass(frozen=True, slots=True)
class Outrun:
    """By how much a source outruns its stream."""

    arriving: float
    """Frames per second."""
    finishing: float
    """Frames per second."""
    backlog: int
    """Frames that wait."""


@dataclass(frozen=True, slots=True)
class _Sample:
    time: float
    arrived: int
    finished: int


class Pace:
    """Told the counts every few seconds, remembers half an hour of them."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()
        self._warned: float | None = None

    def look(
        self, now: float, *, arrived: int, finished: int, backlog: int
    ) -> Outrun | None:
        """Return what to warn of, if anything.

        Args:
            now: seconds, rising.
            arrived: frames since the start; what was there at the start does not count.
            finished: frames since the start.
            backlog: frames that wait now.
        """
        self._samples.append(_Sample(now, arrived, finished))
        while len(self._samples) > 1 and self._samples[1].time <= now - _WINDOWS[-1]:
            self._samples.popleft()
        if self._warned is not None and now - self._warned < _SILENCE:
            return None
        for window in _WINDOWS:
            outrun = self._judge(now, window, backlog)
            if outrun is not None:
                self._warned = now
                return outrun
        return None

    def _judge(self, now: float, window: float, backlog: int) -> Outrun | None:
        marks = [self._at(now - window * part / 4) for part in (4, 3, 2, 1, 0)]
        seen = [mark for mark in marks if mark is not None]
        if len(seen) < len(marks):
            return None
        for start, end in pairwise(seen):
            if end.arrived - start.arrived <= end.finished - start.finished:
                return None
        first, last = seen[0], seen[-1]
        arrived, finished = last.arrived - first.arrived, last.finished - first.finished
        if arrived - finished < _GROWTH:
            return None
        seconds = last.time - first.time
        return Outrun(arrived / seconds, finished / seconds, backlog)

    def _at(self, time: float) -> _Sample | None:
        """Return the last sample up to then."""
        before = (sample for sample in reversed(self._samples) if sample.time <= time)
        return next(before, None)
