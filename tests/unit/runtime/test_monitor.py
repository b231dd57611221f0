from __future__ import annotations

from collections.abc import Callable

import structlog
from structlog.typing import EventDict

from fakes import HangingSource
from srstream.runtime.monitor import Monitor
from srstream.runtime.pipeline import Pipeline

Make = Callable[..., Pipeline]


def _monitor(pipeline: Pipeline) -> Monitor:
    return Monitor({"demo": pipeline}, now=0.0, log=structlog.get_logger())


def test_progress_is_told_every_half_minute(make: Make, logs: list[EventDict]) -> None:
    pipeline = make(HangingSource("waiting"))
    monitor = _monitor(pipeline)
    counters = pipeline.counters
    for now in range(5, 65, 5):
        counters.done += 1
        counters.gains += 1
        counters.gain += 1.5 if now <= 30 else 2.5
        monitor.look(float(now))
    first, second = logs
    assert first == {
        "event": "progress",
        "log_level": "info",
        "stream": "demo",
        "done": 6,
        "failed": 0,
        "backlog": 1,
        "fps": 0.2,
        "gain_db": 1.5,
    }
    assert (second["done"], second["fps"], second["gain_db"]) == (12, 0.2, 2.5)


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
