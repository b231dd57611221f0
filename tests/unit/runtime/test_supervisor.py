from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from structlog.typing import EventDict

from fakes import (
    FakeClock,
    FakeProcessor,
    Gate,
    HangingSource,
    ListSink,
    ListSource,
    Offer,
    raising,
)
from srstream.errors import SourceError
from srstream.ports import Verdict
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.supervisor import Supervisor

Make = Callable[..., Pipeline]


def _supervisor(**pipelines: Pipeline) -> Supervisor:
    return Supervisor(pipelines, clock=FakeClock(), log=structlog.get_logger())


async def test_it_ends_when_all_streams_have_ended(
    make: Make, logs: list[EventDict]
) -> None:
    sinks = {name: ListSink() for name in "ab"}
    supervisor = _supervisor(
        **{name: make(ListSource("x"), sink, stream=name) for name, sink in sinks.items()}
    )
    assert await supervisor.run() == 0
    assert [sink.names for sink in sinks.values()] == [["x"], ["x"]]
    ended = {log["stream"]: log for log in logs if log["event"] == "stream ended"}
    assert {name: log["done"] for name, log in ended.items()} == {"a": 1, "b": 1}


async def test_without_streams_it_ends_at_once() -> None:
    assert await _supervisor().run() == 0


async def test_a_stream_that_fails_does_not_take_the_others_along(
    make: Make, logs: list[EventDict]
) -> None:
    hold, sink = Gate(), ListSink()
    gone = ListSource(Offer("x", raising(SourceError("/in: input/output error"))))
    buggy = ListSource(Offer("x", raising(KeyError("bug"))))
    supervisor = _supervisor(
        broken=make(gone, stream="broken"),
        buggy=make(buggy, stream="buggy"),
        good=make(ListSource("x"), sink, stream="good", processor=FakeProcessor(hold=hold)),
    )
    running = asyncio.create_task(supervisor.run())
    await gone.tally.reached("closed")
    await buggy.tally.reached("closed")
    hold.open()
    assert await running == 2
    assert sink.names == ["x"]
    errors = {log["stream"]: log for log in logs if log["log_level"] == "error"}
    assert errors["broken"]["cause"] == "/in: input/output error"
    assert "exc_info" not in errors["broken"]
    assert errors["buggy"]["exc_info"]


async def test_stopping_drains_all_streams(make: Make) -> None:
    sources = {name: HangingSource("x") for name in "ab"}
    sinks = {name: ListSink() for name in "ab"}
    supervisor = _supervisor(
        **{name: make(sources[name], sinks[name], stream=name) for name in "ab"}
    )
    running = asyncio.create_task(supervisor.run())
    for sink in sinks.values():
        await sink.tally.reached("write")
    await supervisor.stop(1000.0)
    assert await running == 0
    for name in "ab":
        assert sources[name].verdicts == {"x": [Verdict.DONE]}


async def test_a_stream_that_does_not_stop_in_time_is_cut(
    make: Make, logs: list[EventDict]
) -> None:
    source, sink = HangingSource("x"), ListSink(hold=Gate())
    supervisor = _supervisor(demo=make(source, sink))
    running = asyncio.create_task(supervisor.run())
    await sink.tally.reached("write")
    await supervisor.stop(0.01)
    assert await running == 1
    assert source.verdicts == {"x": [Verdict.RETURNED]}
    assert sink.tally["close"] == 1
    assert [log["event"] for log in logs if log["log_level"] == "error"] == [
        "stream did not stop in time"
    ]


async def test_stopping_before_the_start_ends_the_run_at_once(make: Make) -> None:
    source = HangingSource("x")
    supervisor = _supervisor(demo=make(source, ListSink()))
    await supervisor.stop(10.0)
    assert await supervisor.run() == 0
    assert source.verdicts == {}
