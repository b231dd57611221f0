from __future__ import annotations

import pytest

from srstream.runtime.counters import Counters
from srstream.runtime.minder import Phase
from srstream.runtime.statusline import StatusLine


class Pipeline:
    """What a status line looks at."""

    def __init__(self, done: int = 0, backlog: int = 0) -> None:
        self.counters = Counters(done=done)
        self.arrived = 0
        self.backlog = backlog

    async def run(self) -> None: ...

    async def drain(self, within: float) -> None: ...


RUNS = {"a": Phase.RUNNING}


def test_at_the_start_nothing_is_done() -> None:
    assert StatusLine(0.0).look(0.0, RUNS, {}) == "1 stream, 0.0 fps, 0 frames done"


def test_it_has_the_rate_and_the_mean_gain_of_all_streams_together() -> None:
    status, first, second = StatusLine(0.0), Pipeline(done=30), Pipeline(done=10, backlog=3)
    first.counters.judged, first.counters.over_initial = 3, 1.2
    second.counters.judged, second.counters.over_initial = 1, -0.2
    both = {"a": first, "b": second}
    line = status.look(10.0, RUNS | {"b": Phase.RUNNING}, both)
    assert line == "2 streams, 4.0 fps, +0.25 dB by adapting, 40 frames done, 3 waiting"


def test_what_is_older_than_half_a_minute_counts_in_the_total_only() -> None:
    status, pipeline = StatusLine(0.0), Pipeline(done=100)
    for now in range(5, 65, 5):
        line = status.look(float(now), RUNS, {"a": pipeline})
    assert line == "1 stream, 0.0 fps, 100 frames done"


def test_a_stream_that_was_made_anew_counts_on() -> None:
    status = StatusLine(0.0)
    status.look(5.0, RUNS, {"a": Pipeline(done=10)})
    again = Pipeline(done=2)
    assert "12 frames done" in status.look(10.0, RUNS, {"a": again})
    again.counters.done = 3
    assert "13 frames done" in status.look(15.0, RUNS, {"a": again})


@pytest.mark.parametrize("phase", [Phase.DOWN, Phase.BACKOFF])
def test_a_stream_that_does_not_run_is_named(phase: Phase) -> None:
    line = StatusLine(0.0).look(5.0, RUNS | {"b": phase}, {"a": Pipeline()})
    assert line == f"1 of 2 streams, 0.0 fps, 0 frames done; b {phase.value}"


def test_a_stream_that_cannot_write_is_named() -> None:
    pipeline = Pipeline()
    pipeline.counters.stalled_since = 3.0
    assert StatusLine(0.0).look(5.0, RUNS, {"a": pipeline}).endswith("; a cannot write")
