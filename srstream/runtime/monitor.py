"""Says in the log how the streams get on, and when a source outruns its stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from srstream.runtime.pace import Pace
from srstream.runtime.pipeline import Pipeline

_REPORT = 30.0
"""Seconds between two lines about the progress of a stream."""
_REMEDY = "fewer adapt.steps, a smaller preset, or adapt.mode = 'frozen'"


@dataclass(frozen=True, slots=True)
class _Reported:
    """The counts at the last line."""

    time: float
    done: int = 0
    failed: int = 0
    gains: int = 0
    gain: float = 0.0


@dataclass(slots=True)
class _Watched:
    pipeline: Pipeline
    reported: _Reported
    pace: Pace = field(default_factory=Pace)


class Monitor:
    """Looks at the counters of some streams, as often as it is asked to."""

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline],
        *,
        now: float,
        log: FilteringBoundLogger,
    ) -> None:
        self._log = log
        self._watched = {
            name: _Watched(pipeline, _Reported(now)) for name, pipeline in pipelines.items()
        }

    def look(self, now: float) -> None:
        """Log what there is to say; to be called every few seconds."""
        for name, watched in self._watched.items():
            self._warn(name, watched, now)
            if now - watched.reported.time >= _REPORT:
                self._report(name, watched, now)

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

    def _report(self, name: str, watched: _Watched, now: float) -> None:
        counters, last = watched.pipeline.counters, watched.reported
        failed = counters.failed.total()
        if (counters.done, failed) == (last.done, last.failed):
            return
        gains = counters.gains - last.gains
        self._log.info(
            "progress",
            stream=name,
            done=counters.done,
            failed=failed,
            backlog=watched.pipeline.backlog,
            fps=round((counters.done - last.done) / (now - last.time), 3),
            gain_db=round((counters.gain - last.gain) / gains, 2) if gains else None,
        )
        watched.reported = _Reported(
            now, counters.done, failed, counters.gains, counters.gain
        )
