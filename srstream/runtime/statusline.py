"""One line about all streams, as `systemctl status` shows it. Told the time; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from srstream.runtime.minder import Phase, Runnable

_WINDOW = 30.0
"""Seconds over which frames per second and gain are averaged."""
_WELL = (Phase.RUNNING, Phase.DRAINING, Phase.ENDED)


@dataclass(frozen=True, slots=True)
class _Total:
    """What was counted of all streams since the start."""

    time: float
    done: int = 0
    judged: int = 0
    over_initial: float = 0.0


class StatusLine:
    """Remembers the counts of the last half minute."""

    def __init__(self, now: float) -> None:
        self._totals = deque([_Total(now)])
        self._counted: dict[str, tuple[Runnable, _Total]] = {}

    def look(
        self, now: float, phases: Mapping[str, Phase], running: Mapping[str, Runnable]
    ) -> str:
        """Return the line; to be called every few seconds.

        Args:
            now: seconds.
            phases: how each stream gets on.
            running: the pipelines that run. One that was made anew counts from 0 again.
        """
        self._count(now, running)
        first, last = self._totals[0], self._totals[-1]
        well = sum(phase in _WELL for phase in phases.values())
        total = len(phases)
        parts = [f"{well} of {total} streams" if well < total else _many(total, "stream")]
        done, seconds = last.done - first.done, last.time - first.time
        parts.append(f"{done / seconds:.1f} fps" if seconds else "0.0 fps")
        if judged := last.judged - first.judged:
            gain = (last.over_initial - first.over_initial) / judged
            parts.append(f"{gain:+.2f} dB by adapting")
        parts.append(f"{_many(last.done, 'frame')} done")
        if backlog := sum(pipeline.backlog for pipeline in running.values()):
            parts.append(f"{backlog} waiting")
        troubled = [f"{name} {p.value}" for name, p in phases.items() if p not in _WELL]
        stalled = [
            f"{name} cannot write"
            for name, pipeline in running.items()
            if pipeline.counters.stalled_since is not None
        ]
        return "; ".join([", ".join(parts), *troubled, *stalled])

    def _count(self, now: float, running: Mapping[str, Runnable]) -> None:
        done, judged, gain = 0, 0, 0.0
        for name, pipeline in running.items():
            counters = pipeline.counters
            seen = _Total(now, counters.done, counters.judged, counters.over_initial)
            known, before = self._counted.get(name, (None, seen))
            if known is not pipeline:
                before = _Total(now)
            self._counted[name] = pipeline, seen
            done += seen.done - before.done
            judged += seen.judged - before.judged
            gain += seen.over_initial - before.over_initial
        last = self._totals[-1]
        self._totals.append(
            _Total(
                now,
                last.done + done,
                last.judged + judged,
                last.over_initial + gain,
            )
        )
        while len(self._totals) > 2 and self._totals[1].time <= now - _WINDOW:
            self._totals.popleft()


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
