"""Says in the log how the streams get on: progress, too little time, a stall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from structlog.typing import FilteringBoundLogger

from srstream.runtime.hurry import Hurry
from srstream.runtime.minder import Runnable
from srstream.runtime.pace import Pace

_REPORT = 30.0
"""Seconds between two lines about the progress of a stream."""
_ALARM = 60.0
"""Seconds between two warnings of an output that cannot be written."""
_REMEDY = "fewer adapt.steps, a smaller preset, or adapt.mode = 'frozen'"
_REMEDY_FOR_HURRY = "a lower adapt.target_fps, a smaller preset, or adapt.mode = 'frozen'"


@dataclass(frozen=True, slots=True)
class _Reported:
    """The counts at the last line."""

    time: float
    done: int = 0
    failed: int = 0
    gains: int = 0
    gain: float = 0.0
    judged: int = 0
    over_initial: float = 0.0


@dataclass(slots=True)
class _Watched:
    pipeline: Runnable
    reported: _Reported
    pace: Pace = field(default_factory=Pace)
    hurry: Hurry = field(default_factory=Hurry)
    alarmed: float = -inf
    """When the last warning of a stall was."""


class Monitor:
    """Looks at the counters of the streams that run, as often as it is asked to."""

    def __init__(
        self,
        running: Callable[[], Mapping[str, Runnable]],
        *,
        now: float,
        log: FilteringBoundLogger,
    ) -> None:
        """Look at nothing yet.

        Args:
            running: returns what runs at the moment. A stream that was restarted has
                another pipeline, whose counters start anew.
            now: the clock by which pipelines count, too, in seconds.
            log: is told.
        """
        self._running = running
        self._log = log
        self._watched: dict[str, _Watched] = {}
        self._looked = now

    def look(self, now: float) -> None:
        """Log what there is to say; to be called every few seconds."""
        self._watched = {
            name: self._watch(name, pipeline) for name, pipeline in self._running().items()
        }
        self._looked = now
        for name, watched in self._watched.items():
            if watched.pipeline.counters.stalled_since is None:
                self._warn(name, watched, now)
            else:
                self._alarm(name, watched, now, watched.pipeline.counters.stalled_since)
            self._warn_of_hurry(name, watched, now)
            if now - watched.reported.time >= _REPORT:
                self._report(name, watched, now)

    def _watch(self, name: str, pipeline: Runnable) -> _Watched:
        watched = self._watched.get(name)
        if watched is not None and watched.pipeline is pipeline:
            return watched
        return _Watched(pipeline, _Reported(self._looked))

    def _alarm(self, name: str, watched: _Watched, now: float, since: float) -> None:
        # A backlog that grows now has another cause than a source that is too fast.
        watched.pace = Pace()
        if now - max(since, watched.alarmed) < _ALARM:
            return
        watched.alarmed = now
        self._log.warning(
            "output still cannot be written",
            stream=name,
            seconds=round(now - since, 1),
            backlog=watched.pipeline.backlog,
        )

    def _warn(self, name: str, watched: _Watched, now: float) -> None:
        pipeline = watched.pipeline
        outrun = watched.pace.look(
            now,
            arrived=pipeline.arrived,
            finished=pipeline.counters.finished,
            backlog=pipeline.backlog,
        )
        if outrun is None:
            return
        self._log.warning(
            "frames arrive faster than they are upscaled: the backlog grows",
            stream=name,
            arriving_fps=round(outrun.arriving, 3),
            upscaled_fps=round(outrun.finishing, 3),
            backlog=outrun.backlog,
            remedy=_REMEDY,
        )

    def _warn_of_hurry(self, name: str, watched: _Watched, now: float) -> None:
        hurried = watched.hurry.look(now, watched.pipeline.counters)
        if hurried is None:
            return
        self._log.warning(
            "no time is left for adaptation",
            stream=name,
            frames=hurried.frames,
            late=hurried.late,
            remedy=_REMEDY_FOR_HURRY,
        )

    def _report(self, name: str, watched: _Watched, now: float) -> None:
        counters, last = watched.pipeline.counters, watched.reported
        failed = counters.failed.total()
        if (counters.done, failed) == (last.done, last.failed):
            return
        gains = counters.gains - last.gains
        judged = counters.judged - last.judged
        over_initial = counters.over_initial - last.over_initial
        self._log.info(
            "progress",
            stream=name,
            done=counters.done,
            failed=failed,
            reused=counters.reused,
            dropped=counters.dropped,
            late=counters.late,
            faults=counters.faults,
            backlog=watched.pipeline.backlog,
            fps=round((counters.done - last.done) / (now - last.time), 3),
            gain_db=round((counters.gain - last.gain) / gains, 2) if gains else None,
            gain_over_initial_db=round(over_initial / judged, 2) if judged else None,
        )
        watched.reported = _Reported(
            now,
            counters.done,
            failed,
            counters.gains,
            counters.gain,
            counters.judged,
            counters.over_initial,
        )
