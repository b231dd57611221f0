from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.typing import EventDict

from fakes import Gate
from runnables import FAILURE, Supervised, heard, supervised
from srstream.exits import Exit
from srstream.runtime import minder
from srstream.runtime.plan import Plan


@pytest.fixture
async def parts() -> AsyncIterator[Supervised]:
    async with supervised() as parts:
        yield parts


async def test_stopping_gives_the_frames_in_hand_most_of_the_time(
    parts: Supervised,
) -> None:
    await parts.start(a=1, b=1)
    await parts.supervisor.stop(40.0)
    assert [parts.make[name].drained for name in "ab"] == [[30.0], [30.0]]
    assert await parts.supervisor.wait() is Exit.DONE
    assert parts.states == {"a": "ended", "b": "ended"}
    await parts.supervisor.stop(40.0)
    assert parts.make["a"].drained == [30.0]


async def test_a_stream_that_does_not_stop_in_time_is_cut(
    parts: Supervised, logs: list[EventDict]
) -> None:
    parts.make.deaf.add("deaf")
    await parts.start(deaf=1, good=1)
    await parts.supervisor.stop(0.01)
    assert await parts.supervisor.wait() is Exit.FAILED
    assert not parts.make.specs_that_run()
    assert parts.states == {"deaf": "down", "good": "ended"}
    assert [log["event"] for log in logs if log["log_level"] == "error"] == [
        "stream did not stop in time"
    ]


async def test_what_goes_wrong_while_a_stream_is_cut_is_told(
    parts: Supervised, logs: list[EventDict]
) -> None:
    parts.make.deaf.add("demo")
    await parts.start(demo=1)
    parts.make["demo"].on_cancel = FAILURE
    await parts.supervisor.stop(0.01)
    assert await parts.supervisor.wait() is Exit.FAILED
    assert parts.states == {"demo": "down"}
    assert heard(logs, "stream failed")[0]["restart_in"] is None


async def test_what_never_ends_tidying_up_does_not_keep_the_process(
    parts: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minder, "_TIDYING", 0.01)
    parts.make.deaf.add("hangs")
    await parts.start(hangs=1)
    parts.make["hangs"].tidies_up = Gate()
    await parts.supervisor.stop(0.01)
    assert await parts.supervisor.wait() is Exit.FAILED
    assert not parts.make.specs_that_run()


async def test_a_second_stop_with_less_time_cuts_sooner(
    parts: Supervised, logs: list[EventDict]
) -> None:
    parts.make.deaf.add("demo")
    await parts.start(demo=1)
    first = asyncio.create_task(parts.supervisor.stop(1000.0))
    await parts.make["demo"].tally.reached("drain")
    await parts.supervisor.stop(0.01)
    await first
    assert len(heard(logs, "stream did not stop in time")) == 1


async def test_stopping_does_not_wait_for_restarts(parts: Supervised) -> None:
    await parts.start(waiting=1, down=1, making=1)
    await parts.fail_for_good("down")
    await parts.fail("waiting", waits=1.0)
    await parts.sleep.wake(1.0)
    await parts.make.running("waiting", 2)
    await parts.fail("waiting", waits=2.0)
    parts.make.hold["making"] = Gate()
    await parts.fail("making", waits=1.0)
    await parts.sleep.wake(1.0)
    await parts.make.tally.reached("making", 2)
    await parts.supervisor.stop(1000.0)
    assert await parts.supervisor.wait() is Exit.FAILED  # of the one that was down before
    assert parts.states == {"waiting": "ended", "down": "down", "making": "ended"}
    assert parts.sleep.asleep == []


async def test_stopping_before_the_start_lets_nothing_start(parts: Supervised) -> None:
    await parts.supervisor.stop(10.0)
    assert await parts.supervisor.apply({"demo": 1}) == Plan()
    assert await parts.supervisor.wait() is Exit.DONE
    assert not parts.make.specs_that_run()


async def test_stopping_right_after_the_start_drains(parts: Supervised) -> None:
    await parts.supervisor.apply({"demo": 1})
    await parts.supervisor.stop(1000.0)
    assert parts.make["demo"].drained == [750.0]
    assert await parts.supervisor.wait() is Exit.DONE


async def test_stopping_while_streams_are_made_ends_that(parts: Supervised) -> None:
    await parts.start(old=1)
    parts.make.hold["new"] = Gate()
    reload = asyncio.create_task(parts.supervisor.apply({"new": 1}))
    await parts.make.tally.reached("new")
    await parts.supervisor.stop(1000.0)
    assert await reload == Plan()
    assert await parts.supervisor.wait() is Exit.DONE
    assert "new" not in parts.make.made


async def test_stopping_while_a_reload_drains_starts_nothing_more(
    parts: Supervised,
) -> None:
    parts.make.deaf.add("demo")
    await parts.start(demo=1, other=1)
    old = parts.make["demo"]
    reload = asyncio.create_task(parts.supervisor.apply({"demo": 2, "new": 1}))
    await old.tally.reached("drain")
    stopping = asyncio.create_task(parts.supervisor.stop(400.0))
    await old.tally.reached("drain", 2)
    old.end()
    await asyncio.gather(reload, stopping)
    assert old.drained == [750.0, 300.0]
    assert await parts.supervisor.wait() is Exit.DONE
    assert not parts.make.specs_that_run()
    assert not parts.make["new"].tally["run"]
