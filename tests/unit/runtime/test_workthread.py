from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fakes import FakeClock, Gate, Tally
from srstream.runtime.workthread import Slices, ThreadClosedError, WorkThread


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def thread(clock: FakeClock) -> Iterator[WorkThread]:
    thread = WorkThread("test", clock=clock)
    yield thread
    assert thread.close(10)


def _timed(
    clock: FakeClock, slices: int, seconds: float, times: list[float]
) -> Slices[None]:
    for _ in range(slices):
        clock.advance(seconds)
        times.append(clock.now)
        yield


def _endless(tally: Tally, clock: FakeClock, seconds: float) -> Slices[None]:
    never = Gate()
    try:
        while True:
            clock.advance(seconds)
            tally.add("slice")
            never.wait(0.001)
            yield
    finally:
        tally.add("dropped")


async def test_calls_run_on_the_thread_and_bring_back_their_results(
    thread: WorkThread,
) -> None:
    numbers = {await thread.call(threading.get_ident) for _ in range(3)}
    assert len(numbers) == 1
    assert threading.get_ident() not in numbers
    assert await thread.call(divmod, 7, 3) == (2, 1)


@pytest.mark.parametrize("error", [ValueError("no"), StopIteration(), SystemExit(3)])
async def test_an_error_travels_to_who_waits_and_the_thread_goes_on(
    thread: WorkThread, error: BaseException
) -> None:
    def fail() -> None:
        raise error

    # A StopIteration cannot leave a generator or a future: it arrives as the cause.
    expected = RuntimeError if isinstance(error, StopIteration) else type(error)
    with pytest.raises(expected):
        await thread.call(fail)
    assert await thread.call(abs, -1) == 1


async def test_prepare_runs_first_and_on_the_thread() -> None:
    seen: list[int] = []
    thread = WorkThread("test", prepare=lambda: seen.append(threading.get_ident()))
    assert await thread.call(threading.get_ident) == seen[0]
    assert thread.close(10)


async def test_when_prepare_fails_everyone_who_waits_is_told_why() -> None:
    cause = OSError("no such device")

    def fail() -> None:
        raise cause

    thread = WorkThread("test", prepare=fail)
    for _ in range(2):
        with pytest.raises(ThreadClosedError) as caught:
            await thread.call(abs, 1)
        assert caught.value.__cause__ is cause
    assert thread.close(10)


async def test_long_and_short_slices_get_equal_time(
    thread: WorkThread, clock: FakeClock
) -> None:
    tally, times = Tally(), []
    long = asyncio.create_task(thread.run("long", _endless(tally, clock, 3.0)))
    await tally.reached("slice")
    await thread.run("short", _timed(clock, 600, 0.05, times))  # 30 seconds
    assert times[-1] - times[0] == pytest.approx(60, abs=3.1)
    long.cancel()
    await tally.reached("dropped")


async def test_a_stream_keeps_its_share_though_it_idles_between_its_frames(
    thread: WorkThread, clock: FakeClock
) -> None:
    tally, times = Tally(), []
    long = asyncio.create_task(thread.run("long", _endless(tally, clock, 3.0)))
    await tally.reached("slice")
    for _ in range(100):  # 30 seconds in frames of 0.3
        await thread.run("short", _timed(clock, 6, 0.05, times))
    # 60 but for the odd moment that took too long; 330 if each moment were used.
    assert times[-1] - times[0] < 200
    long.cancel()
    await tally.reached("dropped")


async def test_work_under_one_key_is_done_one_after_the_other(
    thread: WorkThread,
) -> None:
    order: list[str] = []

    def steps(name: str) -> Slices[None]:
        for _ in range(3):
            order.append(name)
            yield

    await asyncio.gather(*(thread.run("key", steps(name)) for name in "ab"))
    assert order == list("aaabbb")


async def test_work_nobody_waits_for_is_dropped_before_the_next_slice(
    thread: WorkThread, clock: FakeClock
) -> None:
    gate, inside = Gate(), Tally()

    def held() -> Slices[None]:
        try:
            inside.add("slice")
            gate.wait()
            yield
            inside.add("second slice")
            yield
        finally:
            inside.add("dropped")

    task = asyncio.create_task(thread.run("held", held()))
    await inside.reached("slice")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    await inside.reached("dropped")
    assert inside["second slice"] == 0


async def test_work_cancelled_while_it_queues_is_never_begun(
    thread: WorkThread, clock: FakeClock
) -> None:
    gate, begun = Gate(), Tally()

    def begin() -> None:
        begun.add("begun")

    first = asyncio.create_task(thread.call(gate.wait))
    second = asyncio.create_task(thread.call(begin))
    third = asyncio.create_task(thread.call(abs, -3))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second  # a task is cancelled when it runs next, not when it is asked to
    gate.open()
    assert await third == 3
    assert await first
    assert begun["begun"] == 0


async def test_a_result_nobody_waits_for_any_more_is_lost_quietly(
    thread: WorkThread,
) -> None:
    gate, tally = Gate(), Tally()

    def slow() -> None:
        tally.add("begun")
        gate.wait()

    task = asyncio.create_task(thread.call(slow))
    await tally.reached("begun")
    task.cancel()
    gate.open()
    assert await thread.call(abs, -1) == 1
    assert task.cancelled()


def test_a_loop_that_is_closed_does_not_disturb_the_thread() -> None:
    thread = WorkThread("test")
    gate, tally = Gate(), Tally()

    def slow() -> None:
        tally.add("begun")
        gate.wait()

    async def leave() -> None:
        task = asyncio.ensure_future(thread.call(slow))
        await tally.reached("begun")
        task.cancel()

    asyncio.run(leave())
    gate.open()

    async def come_back() -> int:
        return await thread.call(abs, -2)

    assert asyncio.run(come_back()) == 2
    assert thread.close(10)


async def test_work_that_cannot_be_dropped_cleanly_is_logged() -> None:
    tally = Tally()

    def stubborn() -> Slices[None]:
        try:
            tally.add("begun")
            while True:
                yield
        finally:
            raise ValueError("abandon failed")

    with capture_logs() as logs:
        thread = WorkThread("test")
        task = asyncio.create_task(thread.run("key", stubborn()))
        await tally.reached("begun")
        task.cancel()
        assert await thread.call(abs, -1) == 1
        assert thread.close(10)
    assert [log["event"] for log in logs] == ["work could not be dropped cleanly"]
    assert task.cancelled()


async def test_closing_drops_all_work_and_tells_who_waits(clock: FakeClock) -> None:
    thread = WorkThread("test", clock=clock)
    tally = Tally()
    tasks = [
        asyncio.create_task(thread.run(key, _endless(tally, clock, 1.0))) for key in "ab"
    ]
    await tally.reached("slice", 2)
    assert thread.close(10)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [ThreadClosedError] * 2
    assert tally["dropped"] == 2
    with pytest.raises(ThreadClosedError):
        await thread.call(abs, 1)


async def test_closing_does_not_wait_for_a_slice_that_hangs() -> None:
    thread = WorkThread("test")
    gate, tally = Gate(), Tally()

    def hang() -> None:
        tally.add("hangs")
        gate.wait()

    task = asyncio.create_task(thread.call(hang))
    await tally.reached("hangs")
    assert not thread.close(0.0)
    with pytest.raises(ThreadClosedError):
        await task
    gate.open()
    assert thread.close(10)


async def test_it_is_known_since_when_there_is_work_and_no_slice_begins_or_ends(
    thread: WorkThread, clock: FakeClock
) -> None:
    clock.now = 7.0
    gate, tally = Gate(), Tally()

    def slow() -> None:
        tally.add("begun")
        gate.wait()

    assert thread.still_since is None
    task = asyncio.create_task(thread.call(slow))
    await tally.reached("begun")
    clock.now = 9.0
    waiting = asyncio.create_task(thread.call(lambda: thread.still_since))
    await asyncio.sleep(0)
    assert thread.still_since == 7.0
    gate.open()
    await task
    assert await waiting == 9.0
    assert thread.close(10)
    assert thread.still_since is None


async def test_work_that_is_not_begun_stands_still_since_it_came(clock: FakeClock) -> None:
    gate, tally = Gate(), Tally()

    def prepare() -> None:
        tally.add("preparing")
        gate.wait()

    thread = WorkThread("test", prepare=prepare, clock=clock)
    await tally.reached("preparing")
    clock.now = 7.0
    task = asyncio.create_task(thread.call(divmod, 7, 3))
    await asyncio.sleep(0)
    clock.now = 8.0
    assert thread.still_since == 7.0
    gate.open()
    assert await task == (2, 1)
    assert thread.close(10)


async def test_the_system_knows_it_by_its_name() -> None:
    thread = WorkThread("compute cuda:0 and more")
    named = await thread.call(Path("/proc/thread-self/comm").read_text)
    assert named == "compute cuda:0 \n"
    assert thread.close(10)
