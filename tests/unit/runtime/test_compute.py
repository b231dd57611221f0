from __future__ import annotations

import asyncio
import threading

import pytest

from fakes import FakeProcessor, Gate, frame
from srstream.errors import ResourceError
from srstream.runtime.compute import Compute
from srstream.runtime.workthread import ThreadClosedError


async def test_a_frame_is_begun_advanced_and_finished_on_the_thread(
    compute: Compute,
) -> None:
    processor, given = FakeProcessor(slices=3), frame(7)
    item = await compute.process("demo", processor, given)
    assert item.frame is given
    assert item.size == (8, 6)
    calls = processor.tally
    assert (calls["begin"], calls["advance"], calls["finish"]) == (1, 3, 1)
    assert processor.threads == {await compute.call(threading.get_ident)}
    assert calls["abandon"] == 0


async def test_streams_take_turns_within_their_frames(compute: Compute) -> None:
    hold = Gate()
    slow, quick = FakeProcessor(hold=hold), FakeProcessor()
    task = asyncio.create_task(compute.process("slow", slow, frame()))
    await slow.tally.reached("advance")
    await compute.process("quick", quick, frame())
    assert not task.done()
    hold.open()
    await task


async def test_a_cancelled_frame_is_abandoned_before_anything_asked_for_later(
    compute: Compute,
) -> None:
    processor = FakeProcessor(hold=Gate())
    task = asyncio.create_task(compute.process("demo", processor, frame(1)))
    await processor.tally.reached("advance")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    processor.hold = None
    item = await compute.process("demo", processor, frame(2))
    assert item.frame.id.name == "2"
    assert processor.abandoned == ["1"]


async def test_after_an_error_the_frame_is_abandoned_and_the_next_one_taken(
    compute: Compute,
) -> None:
    processor = FakeProcessor(errors={"1": ResourceError("out of memory")})
    with pytest.raises(ResourceError):
        await compute.process("demo", processor, frame(1))
    await compute.process("demo", processor, frame(2))
    assert processor.abandoned == ["1"]


async def test_closing_abandons_the_frames_in_hand() -> None:
    compute = Compute("cpu", slice_seconds=0.001)
    processor = FakeProcessor(hold=Gate())
    task = asyncio.create_task(compute.process("demo", processor, frame(1)))
    await processor.tally.reached("advance")
    assert compute.close(10)
    with pytest.raises(ThreadClosedError):
        await task
    assert processor.abandoned == ["1"]
