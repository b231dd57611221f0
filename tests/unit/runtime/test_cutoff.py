from __future__ import annotations

import asyncio

import pytest

from srstream.runtime.cutoff import Cutoff


async def test_what_waits_is_cut_short_and_goes_on_behind_the_block() -> None:
    cutoff, inside = Cutoff(), asyncio.Event()

    async def wait() -> str:
        async with cutoff.move_on():
            inside.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)  # a cancelled task could not wait here
        return "tidied up"

    async with asyncio.timeout(10):
        task = asyncio.create_task(wait())
        await inside.wait()
        cutoff.set(0.0)
        assert await task == "tidied up"


async def test_what_begins_after_the_moment_is_cut_at_its_first_wait() -> None:
    cutoff = Cutoff()
    cutoff.set(0.0)
    async with asyncio.timeout(10):
        async with cutoff.move_on():
            await asyncio.Event().wait()


async def test_without_a_moment_nothing_is_cut() -> None:
    cutoff = Cutoff()
    assert not cutoff.has_come
    async with cutoff.move_on():
        await asyncio.sleep(0)


async def test_a_moment_has_come_when_it_is_there_and_not_before() -> None:
    cutoff = Cutoff()
    cutoff.set(1000.0)
    assert not cutoff.has_come
    cutoff.set(0.0)
    assert cutoff.has_come


async def test_the_earlier_of_two_moments_holds() -> None:
    cutoff = Cutoff()
    cutoff.set(0.0)
    cutoff.set(1000.0)
    async with asyncio.timeout(10), cutoff.move_on():
        await asyncio.Event().wait()


async def test_a_timeout_of_the_work_itself_is_not_swallowed() -> None:
    with pytest.raises(TimeoutError, match="disk"):
        async with Cutoff().move_on():
            raise TimeoutError("disk")


async def test_a_cancelled_task_stays_cancelled() -> None:
    cutoff, inside = Cutoff(), asyncio.Event()

    async def wait() -> None:
        async with cutoff.move_on():
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await inside.wait()
    cutoff.set(0.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
