from __future__ import annotations

import asyncio
from collections.abc import Callable

from fakes import (
    FakeProcessor,
    Gate,
    HangingSource,
    ListSink,
    ListSource,
    Offer,
    Tally,
    picture,
    raising,
)
from srstream.errors import (
    DecodeError,
)
from srstream.frames import Picture
from srstream.ports import Verdict
from srstream.runtime.compute import Compute
from srstream.runtime.pipeline import Pipeline

Make = Callable[..., Pipeline]

DONE, FAILED, RETURNED = [Verdict.DONE], [Verdict.FAILED], [Verdict.RETURNED]
ONE_FRAME = 36
"""Bytes of a fake picture."""


async def test_draining_while_the_source_has_nothing_ends_at_once(make: Make) -> None:
    source, sink = HangingSource("a"), ListSink()
    pipeline = make(source, sink)
    running = asyncio.create_task(pipeline.run())
    await source.tally.reached("done")
    await pipeline.drain(1000.0)
    await running
    assert sink.names == ["a"]
    assert source.tally["closed"] == sink.tally["close"] == 1


async def test_draining_lets_the_frame_in_hand_finish(make: Make) -> None:
    hold = Gate()
    processor, source, sink = FakeProcessor(hold=hold), HangingSource(*"abc"), ListSink()
    pipeline = make(source, sink, processor=processor)
    running = asyncio.create_task(pipeline.run())
    await processor.tally.reached("advance")
    await source.tally.reached("waiting")
    draining = asyncio.create_task(pipeline.drain(1000.0))
    await processor.tally.reached("advance", processor.tally["advance"] + 5)
    assert not draining.done()
    hold.open()
    await draining
    await running
    assert source.verdicts == {"a": DONE, "b": RETURNED, "c": RETURNED}
    assert sink.names == ["a"]
    assert pipeline.counters.returned == 2


async def test_draining_abandons_a_frame_that_takes_too_long(
    make: Make, compute: Compute
) -> None:
    processor, source, sink = FakeProcessor(hold=Gate()), HangingSource("a"), ListSink()
    pipeline = make(source, sink, processor=processor)
    running = asyncio.create_task(pipeline.run())
    await processor.tally.reached("advance")
    await pipeline.drain(0.0)
    await running
    await processor.tally.reached("abandon")
    assert processor.abandoned == ["a"]
    assert source.verdicts == {"a": RETURNED}
    assert not sink.items


async def test_draining_does_not_wait_for_a_picture_being_read(make: Make) -> None:
    gate, reading = Gate(), Tally()

    def read() -> Picture:
        reading.add("begun")
        assert gate.wait()
        return picture()

    source, sink = HangingSource(Offer("a", read)), ListSink()
    pipeline = make(source, sink)
    running = asyncio.create_task(pipeline.run())
    await reading.reached("begun")
    await pipeline.drain(1000.0)
    await running
    assert source.verdicts == {"a": RETURNED}
    gate.open()


async def test_draining_while_fetch_waits_for_room_gives_all_decoded_back(
    make: Make,
) -> None:
    processor, source = FakeProcessor(hold=Gate()), HangingSource(*"abcd")
    pipeline = make(source, ListSink(), processor=processor, queue_bytes=ONE_FRAME)
    running = asyncio.create_task(pipeline.run())
    await source.tally.reached("taken", 3)
    await processor.tally.reached("advance", 5)
    await pipeline.drain(0.0)
    await running
    assert source.verdicts == {"a": RETURNED, "b": RETURNED, "c": RETURNED}


async def test_draining_publishes_all_that_is_upscaled(make: Make) -> None:
    hold = Gate()
    processor, source, sink = FakeProcessor(), HangingSource(*"abcd"), ListSink(hold=hold)
    pipeline = make(source, sink, processor=processor, queue_bytes=1)
    running = asyncio.create_task(pipeline.run())
    # One is being written, one is queued, one waits for room.
    await sink.tally.reached("write")
    await processor.tally.reached("finish", 3)
    await source.tally.reached("taken", 4)
    draining = asyncio.create_task(pipeline.drain(1000.0))
    await asyncio.sleep(0)
    hold.open()
    await draining
    await running
    assert sink.names == ["a", "b", "c"]
    assert source.verdicts == {"a": DONE, "b": DONE, "c": DONE, "d": RETURNED}


async def test_draining_is_not_hurried_by_settling_a_bad_frame(make: Make) -> None:
    """A verdict once begun is told to its end."""
    hold, tally = Gate(), Tally()

    class SlowToSettle(HangingSource):
        def _settler(self, offer: Offer) -> object:
            settle = super()._settler(offer)

            async def done(verdict: Verdict) -> None:
                tally.add("settling")
                await hold.passed()
                await settle(verdict)

            return done

    source = SlowToSettle(Offer("a", raising(DecodeError("no"))))
    pipeline = make(source, ListSink())
    running = asyncio.create_task(pipeline.run())
    await tally.reached("settling")
    draining = asyncio.create_task(pipeline.drain(0.0))
    await asyncio.sleep(0)
    hold.open()
    await draining
    await running
    assert source.verdicts == {"a": FAILED}


async def test_a_pipeline_drained_before_it_runs_takes_nothing(make: Make) -> None:
    source, sink = ListSource("a"), ListSink()
    pipeline = make(source, sink)
    await pipeline.drain(0.0)
    await pipeline.run()
    assert source.verdicts == {}
    assert sink.tally["close"] == 1


async def test_draining_twice_is_no_harm_and_the_second_may_hurry(make: Make) -> None:
    processor, source = FakeProcessor(hold=Gate()), HangingSource("a")
    pipeline = make(source, ListSink(), processor=processor)
    running = asyncio.create_task(pipeline.run())
    await processor.tally.reached("advance")
    patient = asyncio.create_task(pipeline.drain(1000.0))
    await asyncio.sleep(0)
    await pipeline.drain(0.0)
    await patient
    await running
    assert source.verdicts == {"a": RETURNED}
