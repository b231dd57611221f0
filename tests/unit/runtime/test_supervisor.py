from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import structlog
from structlog.typing import EventDict

from fakes import FakeClock, HangingSource, ListSink, ListSource
from runnables import FAILURE, FakePipeline, Supervised, heard, supervised
from srstream.errors import (
    ConfigError,
    DeviceLostError,
    SrstreamError,
    StateDirError,
)
from srstream.exits import Exit
from srstream.ports import Verdict
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.plan import Plan
from srstream.runtime.supervisor import Supervisor


@pytest.fixture
async def parts() -> AsyncIterator[Supervised]:
    async with supervised() as parts:
        yield parts


async def test_it_ends_when_all_streams_have_ended(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(a=1, b=1)
    waiting = asyncio.create_task(parts.supervisor.wait())
    parts.make["a"].counters.done = 3
    parts.make["a"].end()
    await parts.make["a"].tally.reached("over")
    assert not waiting.done()
    parts.make["b"].end()
    assert await waiting is Exit.DONE
    assert parts.states == {"a": "ended", "b": "ended"}
    assert heard(logs, "stream started") == [
        {"event": "stream started", "log_level": "info", "stream": name} for name in "ab"
    ]
    (ended, _) = heard(logs, "stream ended")
    assert ended == {
        "event": "stream ended",
        "log_level": "info",
        "stream": "a",
        "done": 3,
        "failed": 0,
        "reused": 0,
        "dropped": 0,
        "lost": 0,
        "returned": 0,
    }
    assert parts.make.tally["a"] == 1  # not restarted


async def test_without_streams_it_ends_at_once(parts: Supervised) -> None:
    assert await parts.supervisor.apply({}) == Plan()
    assert await parts.supervisor.wait() is Exit.DONE


async def test_real_pipelines_run_and_are_drained(
    make: Callable[..., Pipeline], logs: list[EventDict]
) -> None:
    ends, hangs, sink = ListSource("x"), HangingSource("y"), ListSink()
    pipelines = {"a": make(ends, stream="a"), "b": make(hangs, sink, stream="b")}

    async def take(name: str, spec: object) -> Pipeline:
        return pipelines[name]

    supervisor: Supervisor[int] = Supervisor(
        take, clock=FakeClock(), log=structlog.get_logger(), grace=1000.0
    )
    await supervisor.apply({"a": 1, "b": 1})
    await ends.tally.reached("closed")
    await sink.tally.reached("write")
    await supervisor.stop(1000.0)
    assert await supervisor.wait() is Exit.DONE
    assert (ends.verdicts, hangs.verdicts) == (
        {"x": [Verdict.DONE]},
        {"y": [Verdict.DONE]},
    )
    ended = {log["stream"]: log["done"] for log in heard(logs, "stream ended")}
    assert ended == {"a": 1, "b": 1}


async def test_a_stream_that_fails_is_made_anew_alone(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(broken=1, good=1)
    await parts.fail("broken", waits=1.0)
    assert parts.states == {"broken": "backoff", "good": "running"}
    assert heard(logs, "stream failed") == [
        {
            "event": "stream failed",
            "log_level": "error",
            "stream": "broken",
            "cause": "/in: input/output error",
            "restart_in": 1.0,
            "in_last_minute": 1,
        }
    ]
    await parts.sleep.wake(1.0)
    again = await parts.make.running("broken", 2)
    assert again.spec == 1
    assert parts.states == {"broken": "running", "good": "running"}
    assert len(parts.make.made["good"]) == 1
    assert parts.supervisor.status is Exit.DONE


async def test_a_bug_is_told_with_its_traceback_and_restarted_too(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(buggy=1)
    bug = KeyError("bug")
    await parts.fail("buggy", bug, waits=1.0)
    (error,) = heard(logs, "stream failed: this is a bug")
    assert (error["cause"], error["exc_info"]) == ("KeyError('bug')", bug)
    await parts.sleep.wake(1.0)
    await parts.make.running("buggy", 2)


async def test_a_cancellation_that_nobody_asked_for_is_a_bug_and_not_the_end(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(demo=1)
    parts.make["demo"].leak_a_cancellation()
    await parts.sleep.wake(1.0)
    await parts.make.running("demo", 2)
    assert heard(logs, "stream failed: this is a bug")


async def test_after_five_failures_a_stream_stays_down_and_the_others_go_on(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(broken=1, good=1)
    waiting = asyncio.create_task(parts.supervisor.wait())
    await parts.fail_for_good("broken")
    assert parts.states == {"broken": "down", "good": "running"}
    failures = heard(logs, "stream failed")
    assert [log["restart_in"] for log in failures] == [1.0, 2.0, 4.0, 8.0, None]
    assert [log["in_last_minute"] for log in failures] == [1, 2, 3, 4, 5]
    (down,) = heard(logs, "stream stays down")
    assert (down["log_level"], down["stream"]) == ("error", "broken")
    assert "SIGHUP" in down["remedy"]
    assert not waiting.done()
    assert parts.supervisor.status is Exit.FAILED
    parts.make["good"].end()
    assert await waiting is Exit.FAILED


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FAILURE, Exit.FAILED),
        (KeyError("bug"), Exit.CRASHED),
        (StateDirError("/state: no space left on device"), Exit.NO_STATE),
    ],
)
async def test_the_status_tells_why_a_stream_stayed_down(
    parts: Supervised, error: Exception, status: Exit
) -> None:
    await parts.start(broken=1)
    await parts.fail_for_good("broken", error)
    assert await parts.supervisor.wait() is status


async def test_the_status_is_that_of_the_worst_stream(parts: Supervised) -> None:
    await parts.start(a=1, b=1, c=1)
    await parts.fail_for_good("a", KeyError("bug"))
    await parts.fail_for_good("b")
    parts.make["c"].end()
    assert await parts.supervisor.wait() is Exit.CRASHED
    await parts.supervisor.apply({"b": 1, "c": 1})
    assert parts.supervisor.status is Exit.DONE  # gone, and started again


async def test_a_stream_that_cannot_be_made_anew_has_failed_again(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(demo=1)
    await parts.fail("demo", waits=1.0)
    parts.make.errors["demo"] = ConfigError()
    for delay in (1.0, 2.0):
        await parts.sleep.wake(delay)
    await parts.sleep.asked(4.0)
    del parts.make.errors["demo"]
    await parts.sleep.wake(4.0)
    await parts.make.running("demo", 2)
    assert len(heard(logs, "stream failed")) == 3


async def test_a_long_run_makes_good_for_earlier_failures(parts: Supervised) -> None:
    await parts.start(demo=1)
    await parts.fail("demo", waits=1.0)
    await parts.sleep.wake(1.0)
    await parts.make.running("demo", 2)
    parts.clock.advance(61.0)
    parts.make["demo"].fail(FAILURE)
    await parts.sleep.wake(1.0)
    await parts.make.running("demo", 3)


async def test_a_lost_device_ends_everything(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(a=1, b=1)
    parts.make["a"].fail(DeviceLostError("CUDA error: unspecified launch failure"))
    assert await parts.supervisor.wait() is Exit.DEVICE_LOST
    assert parts.states == {"a": "down", "b": "running"}
    (failed,) = heard(logs, "stream failed")
    assert failed["restart_in"] is None
    assert not heard(logs, "stream stays down")
    assert await parts.supervisor.apply({"a": 2, "c": 1}) == Plan()  # too late
    await parts.supervisor.stop(1000.0)
    assert await parts.supervisor.wait() is Exit.DEVICE_LOST
    assert parts.make["b"].drained == [750.0]
    assert not parts.make.specs_that_run()


async def test_a_lost_device_is_worse_than_a_bug(parts: Supervised) -> None:
    await parts.start(a=1, b=1)
    await parts.fail_for_good("a", KeyError("bug"))
    parts.make["b"].fail(DeviceLostError("gone"))
    assert await parts.supervisor.wait() is Exit.DEVICE_LOST


async def test_it_looks_at_the_streams_every_five_seconds(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(demo=1)
    parts.make["demo"].counters.done = 6
    for _ in range(6):
        await parts.sleep.wake(5.0)
    await parts.sleep.asked(5.0)
    (progress,) = heard(logs, "progress")
    assert (progress["stream"], progress["fps"]) == ("demo", 0.2)


async def test_it_looks_at_the_pipelines_that_run_now(
    parts: Supervised, logs: list[EventDict]
) -> None:
    await parts.start(demo=1)
    parts.make["demo"].counters.stalled_since = 0.0
    await parts.fail("demo", SrstreamError("it failed"), waits=1.0)
    parts.clock.advance(100.0)
    await parts.sleep.wake(5.0)
    await parts.sleep.wake(1.0)
    second: FakePipeline = await parts.make.running("demo", 2)
    second.counters.stalled_since = 40.0
    await parts.sleep.wake(5.0)
    await parts.sleep.asked(5.0)
    assert [log["seconds"] for log in heard(logs, "output still cannot be written")] == [
        71.0
    ]
