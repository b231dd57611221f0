from __future__ import annotations

from collections.abc import Callable

import structlog
from structlog.typing import EventDict

from fakes import HangingSource
from runnables import FakePipeline
from srstream.runtime.minder import Runnable
from srstream.runtime.monitor import Monitor
from srstream.runtime.pipeline import Pipeline

Make = Callable[..., Pipeline]


def _monitor(pipeline: Runnable) -> Monitor:
    return _monitor_of({"demo": pipeline})


def _monitor_of(running: dict[str, Runnable]) -> Monitor:
    return Monitor(lambda: running, now=0.0, log=structlog.get_logger())


def test_progress_is_told_every_half_minute(make: Make, logs: list[EventDict]) -> None:
    pipeline = make(HangingSource("waiting"))
    monitor = _monitor(pipeline)
    counters = pipeline.counters
    for now in range(5, 65, 5):
        counters.done += 1
        counters.gains += 1
        counters.gain += 1.5 if now <= 30 else 2.5
        counters.judged += 1
        counters.over_initial += 0.1 if now <= 30 else 0.2
        counters.faults += now == 10
        monitor.look(float(now))
    first, second = logs
    assert first == {
        "event": "progress",
        "log_level": "info",
        "stream": "demo",
        "done": 6,
        "failed": 0,
        "reused": 0,
        "dropped": 0,
        "late": 0,
        "faults": 1,
        "backlog": 1,
        "fps": 0.2,
        "gain_db": 1.5,
        "gain_over_initial_db": 0.1,
    }
    assert (second["done"], second["fps"], second["gain_db"]) == (12, 0.2, 2.5)
    assert second["gain_over_initial_db"] == 0.2


def test_without_progress_nothing_is_told(make: Make, logs: list[EventDict]) -> None:
    monitor = _monitor(make(HangingSource()))
    for now in range(0, 3600, 5):
        monitor.look(float(now))
    assert not logs


def test_a_gain_that_is_not_known_is_none(make: Make, logs: list[EventDict]) -> None:
    pipeline = make(HangingSource())
    monitor = _monitor(pipeline)
    pipeline.counters.failed["DecodeError"] = 2
    monitor.look(30.0)
    assert (logs[0]["failed"], logs[0]["gain_db"]) == (2, None)
    assert logs[0]["gain_over_initial_db"] is None


async def test_a_stream_without_time_for_adaptation_is_warned_of_every_minute(
    logs: list[EventDict],
) -> None:
    pipeline = FakePipeline()
    monitor = _monitor(pipeline)
    told = []
    for now in range(0, 185, 5):
        monitor.look(float(now))
        told += [(now, log) for log in logs if log["log_level"] == "warning"]
        logs.clear()
        pipeline.counters.done += 50
        pipeline.counters.late += 40
    assert [now for now, _ in told] == [60, 120, 180]
    assert told[0][1] == {
        "event": "no time is left for adaptation",
        "log_level": "warning",
        "stream": "demo",
        "frames": 600,
        "late": 480,
        "remedy": "a lower adapt.target_fps, a smaller preset, or adapt.mode = 'frozen'",
    }


def test_a_source_that_outruns_its_stream_is_warned_of(
    make: Make, logs: list[EventDict]
) -> None:
    source = HangingSource()
    monitor = _monitor(make(source))
    for now in range(0, 65, 5):
        source.arrived = 2 * now
        monitor.look(float(now))
    (warning,) = logs
    assert warning["log_level"] == "warning"
    assert warning["arriving_fps"] == 2.0
    assert warning["upscaled_fps"] == 0.0
    assert "adapt.steps" in warning["remedy"]


async def test_a_stall_is_warned_of_every_minute_until_it_is_over(
    logs: list[EventDict],
) -> None:
    pipeline = FakePipeline()
    pipeline.backlog = 7
    monitor = _monitor(pipeline)
    pipeline.counters.stalled_since = 100.0
    told = []
    for now in range(100, 300, 5):
        monitor.look(float(now))
        if logs:
            told.append((now, logs.pop()))
    assert [now for now, _ in told] == [160, 220, 280]
    assert told[0][1] == {
        "event": "output still cannot be written",
        "log_level": "warning",
        "stream": "demo",
        "seconds": 60.0,
        "backlog": 7,
    }
    pipeline.counters.stalled_since = None
    monitor.look(400.0)
    assert not logs


async def test_the_next_stall_has_a_minute_of_its_own(logs: list[EventDict]) -> None:
    pipeline = FakePipeline()
    monitor = _monitor(pipeline)
    pipeline.counters.stalled_since = 0.0
    monitor.look(60.0)
    assert logs.pop()["seconds"] == 60.0
    pipeline.counters.stalled_since = 110.0
    monitor.look(165.0)
    assert not logs
    monitor.look(170.0)
    assert logs.pop()["seconds"] == 60.0


async def test_a_backlog_that_a_stall_leaves_is_not_blamed_on_the_source(
    logs: list[EventDict],
) -> None:
    pipeline = FakePipeline()
    monitor = _monitor(pipeline)
    pipeline.counters.stalled_since = 0.0
    for now in range(0, 3600, 5):
        pipeline.arrived = pipeline.backlog = now
        monitor.look(float(now))
    pipeline.counters.stalled_since = None
    for now in range(3600, 3700, 5):
        pipeline.counters.done += 5
        pipeline.arrived += 1
        monitor.look(float(now))
    assert {log["event"] for log in logs} == {"output still cannot be written", "progress"}


async def test_streams_come_and_go(logs: list[EventDict]) -> None:
    running: dict[str, Runnable] = {"a": FakePipeline()}
    monitor = _monitor_of(running)
    monitor.look(5.0)
    running["b"] = FakePipeline()
    for pipeline in running.values():
        pipeline.counters.done = 30
    monitor.look(35.0)
    assert [(log["stream"], log["fps"]) for log in logs] == [("a", 0.857), ("b", 1.0)]
    del running["a"]
    running["b"].counters.done = 31
    monitor.look(65.0)
    assert [log["stream"] for log in logs[2:]] == ["b"]


async def test_a_stream_that_was_restarted_is_counted_from_nothing(
    logs: list[EventDict],
) -> None:
    before, after = FakePipeline(), FakePipeline()
    running: dict[str, Runnable] = {"demo": before}
    monitor = _monitor_of(running)
    before.counters.done = 90
    monitor.look(30.0)
    running["demo"] = after
    after.counters.done = 60
    monitor.look(60.0)
    assert [(log["done"], log["fps"]) for log in logs] == [(90, 3.0), (60, 2.0)]
