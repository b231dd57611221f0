from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from structlog.typing import EventDict

from fakes import FakeClock
from runnables import FAILURE, FakeSleep, Maker, Supervised, heard, supervised
from srstream.errors import (
    ConfigError,
)
from srstream.exits import Exit
from srstream.runtime.plan import Plan
from srstream.runtime.supervisor import Supervisor


@pytest.fixture
async def parts() -> AsyncIterator[Supervised]:
    async with supervised() as parts:
        yield parts


async def test_a_reload_touches_only_what_changed(parts: Supervised) -> None:
    await parts.start(same=1, changed=1, gone=1)
    same, changed, gone = (parts.make[n] for n in ("same", "changed", "gone"))
    done = await parts.supervisor.apply({"new": 1, "same": 1, "changed": 2})
    assert done == Plan(("new",), ("changed",), ("gone",), ("same",))
    await parts.make.running("new")
    await parts.make.running("changed", 2)
    assert (same.drained, same.runs) == ([], True)
    assert (changed.drained, gone.drained) == ([750.0], [750.0])
    assert parts.make.specs_that_run() == {"same": 1, "changed": 2, "new": 1}
    assert list(parts.states) == ["new", "same", "changed"]


async def test_a_stream_that_is_down_is_made_from_the_very_object_as_before(
    parts: Supervised,
) -> None:
    spec = ["equal"]
    await parts.start(a=spec)
    parts.make["a"].fail(FAILURE)
    await parts.sleep.asked(1.0)
    await parts.supervisor.apply({"a": ["equal"]})
    assert (await parts.make.running("a", 2)).spec is spec


async def test_nothing_new_starts_before_all_that_leaves_has_ended(
    parts: Supervised,
) -> None:
    parts.make.deaf.add("changed")
    await parts.start(changed=1, gone=1)
    old = parts.make["changed"]
    reload = asyncio.create_task(parts.supervisor.apply({"changed": 2, "new": 1}))
    await old.tally.reached("drain")
    await parts.make["gone"].tally.reached("over")
    assert parts.states == {"changed": "draining", "gone": "ended"}
    assert not parts.make["new"].tally["run"]
    old.end()
    await reload
    await parts.make.running("new")
    assert old.tally["over"]


async def test_a_stream_that_cannot_be_made_leaves_all_as_it_was(parts: Supervised) -> None:
    await parts.start(a=1, b=1)
    parts.make.errors["new"] = ConfigError()
    with pytest.raises(ConfigError):
        await parts.supervisor.apply({"a": 2, "new": 1})
    assert parts.make.specs_that_run() == {"a": 1, "b": 1}
    assert parts.make.made["a"][0].drained == []
    assert parts.make.tally["a"] == 2  # the new one was made, and dropped
    assert parts.states == {"a": "running", "b": "running"}
    await parts.supervisor.apply({"a": 1, "b": 1})
    assert parts.make.tally["a"] == 2


async def test_a_reload_starts_at_once_what_is_down_or_waits(parts: Supervised) -> None:
    await parts.start(down=1, waiting=1, good=1)
    await parts.fail_for_good("down")
    await parts.fail("waiting", waits=1.0)
    done = await parts.supervisor.apply({"down": 1, "waiting": 1, "good": 1})
    assert done == Plan(start=("down", "waiting"), keep=("good",))
    await parts.make.running("down", 6)
    await parts.make.running("waiting", 2)
    assert parts.sleep.asleep == [5.0]  # the monitor
    assert parts.supervisor.status is Exit.DONE
    await parts.fail("down", waits=1.0)  # its failures are forgotten


async def test_a_changed_stream_that_waits_is_replaced_at_once(parts: Supervised) -> None:
    await parts.start(demo=1)
    await parts.fail("demo", waits=1.0)
    await parts.supervisor.apply({"demo": 2})
    assert (await parts.make.running("demo", 2)).spec == 2
    assert parts.sleep.asleep == [5.0]


async def test_a_stream_whose_source_ended_is_not_started_again_by_a_reload(
    parts: Supervised,
) -> None:
    await parts.start(demo=1)
    parts.make["demo"].end()
    await parts.supervisor.wait()
    assert await parts.supervisor.apply({"demo": 1}) == Plan(keep=("demo",))
    assert parts.states == {"demo": "ended"}


async def test_a_reload_during_a_reload_waits_for_it(parts: Supervised) -> None:
    parts.make.deaf.add("demo")
    await parts.start(demo=1)
    old = parts.make["demo"]
    parts.make.deaf.clear()
    first = asyncio.create_task(parts.supervisor.apply({"demo": 2}))
    await old.tally.reached("drain")
    second = asyncio.create_task(parts.supervisor.apply({"demo": 3}))
    old.end()
    assert (await first).replace == (await second).replace == ("demo",)
    await parts.make.running("demo", 3)
    assert parts.make.specs_that_run() == {"demo": 3}


async def test_to_replace_the_only_stream_is_not_the_end(parts: Supervised) -> None:
    await parts.start(demo=1)
    waiting = asyncio.create_task(parts.supervisor.wait())
    await parts.supervisor.apply({"demo": 2})
    await parts.make.running("demo", 2)
    assert not waiting.done()
    await parts.supervisor.apply({})
    assert await waiting is Exit.DONE


async def test_one_that_does_not_end_in_time_is_cut_and_then_replaced(
    logs: list[EventDict],
) -> None:
    make = Maker()
    make.deaf.add("demo")
    supervisor: Supervisor[int] = Supervisor(
        make, clock=FakeClock(), log=structlog.get_logger(), grace=0.01
    )
    await supervisor.apply({"demo": 1})
    await make.running("demo")
    await supervisor.apply({"demo": 2})
    await make.running("demo", 2)
    assert make.specs_that_run() == {"demo": 2}
    (cut,) = heard(logs, "stream did not stop in time")
    assert cut["stream"] == "demo"
    assert supervisor.status is Exit.DONE
    await supervisor.stop(0.01)


async def test_a_stream_that_fails_while_it_is_drained_is_not_restarted(
    parts: Supervised, logs: list[EventDict]
) -> None:
    parts.make.deaf.add("demo")
    await parts.start(demo=1)
    stopping = asyncio.create_task(parts.supervisor.stop(1000.0))
    await parts.make["demo"].tally.reached("drain")
    parts.make["demo"].fail(FAILURE)
    await stopping
    assert await parts.supervisor.wait() is Exit.FAILED
    assert parts.states == {"demo": "down"}
    assert heard(logs, "stream failed")[0]["restart_in"] is None


wanted = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)
failing = st.sets(st.sampled_from("abcd"))


async def _reload(steps: list[tuple[dict[str, int], set[str]]]) -> None:
    make, clock = Maker(), FakeClock()
    supervisor: Supervisor[int] = Supervisor(
        make, clock=clock, sleep=FakeSleep(clock), log=structlog.get_logger(), grace=1000.0
    )
    for specs, broken in steps:
        running = make.specs_that_run()
        runs = {
            name: len(make.made.get(name, ())) + (running.get(name) != spec)
            for name, spec in specs.items()
        }
        await supervisor.apply(specs)
        for name, times in runs.items():
            await make.running(name, times)
        assert make.specs_that_run() == specs
        assert {name: len(make.made[name]) for name in specs} == runs
        for name in broken & specs.keys():
            make[name].fail(FAILURE)
            await make[name].tally.reached("over")
    await supervisor.stop(1000.0)
    assert await supervisor.wait() is Exit.DONE
    assert not make.specs_that_run()


@settings(deadline=None)
@given(steps=st.lists(st.tuples(wanted, failing), max_size=8))
def test_after_every_reload_what_is_wanted_runs_and_nothing_else(
    steps: list[tuple[dict[str, int], set[str]]],
) -> None:
    with capture_logs():
        asyncio.run(_reload(steps))
