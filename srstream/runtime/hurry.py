"""Is there no time left for adaptation? Pure."""

from __future__ import annotations

from dataclasses import dataclass

from srstream.runtime.counters import Counters

WINDOW = 60.0
"""Seconds that are looked at together: a busy moment is no news."""


@dataclass(frozen=True, slots=True)
class Hurried:
    """What happened in that time."""

    frames: int
    late: int


class Hurry:
    """Looks at a stream whose frames have to be ready in time."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._done = self._learnt = self._late = 0

    def look(self, now: float, counters: Counters) -> Hurried | None:
        """Return what happened if in the last minute no step was taken for want of time.

        For want of it: of the frames, half or more were late nevertheless. After that, or
        after any other minute, the next one begins.
        """
        if self._since is not None and now - self._since < WINDOW:
            return None
        is_first = self._since is None
        frames, learnt, late = (
            counters.done - self._done,
            counters.learnt - self._learnt,
            counters.late - self._late,
        )
        self._since = now
        self._done, self._learnt, self._late = counters.done, counters.learnt, counters.late
        if is_first or learnt or not late or 2 * late < frames:
            return None
        return Hurried(frames, late)
