"""A stream whose source cannot offer a frame again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import structlog
from structlog.typing import EventDict

from fakes import (
    FailingSink,
    FakeCheckpoints,
    FakeClock,
    FakeFeed,
    FakeLedger,
    FakeProcessor,
    Gate,
    ListSink,
    Offer,
    picture,
    raising,
)
from srstream.errors import Refused, ResourceError
from srstream.frames import Picture
from srstream.ports import Verdict
from srstream.runtime.cadence import Cadence
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.statekeeper import StateKeeper

Make = Callable[..., Pipeline]

DONE, FAILED, RETURNED = [Verdict.DONE], [Verdict.FAILED], [Verdict.RETURNED]
ONE_FRAME = 36
"""Bytes of a fake picture."""
LOST = "frames of a feed are lost: they were not finished"


def seqs(sink: ListSink) -> list[int]:
    return [item.frame.id.seq for item in sink.items]


async def test_a_stop_finishes_all_that_a_feed_has_accepted(make: Make) -> None:
    hold = Gate()
    processor, feed, sink = FakeProcessor(hold=hold), FakeFeed(*"abcdef"), ListSink()
    pipeline = make(feed, sink, processor=processor, queue_bytes=ONE_FRAME)
    running = asyncio.create_task(pipeline.run())
    await processor.tally.reached("advance")
    draining = asyncio.create_task(pipeline.drain(1000.0))
    await feed.tally.reached("stop")
    hold.open()
    await draining
    await running
    assert feed.verdicts == dict.fromkeys("abcdef", DONE)
    assert [item.frame.id.source for item in sink.items] == [*"abcdef"]
    assert pipeline.counters.returned == 0


async def test_a_stop_of_a_feed_that_is_silent_ends_at_once(make: Make) -> None:
    feed, sink = FakeFeed("a"), ListSink()
    pipeline = make(feed, sink)
    running = asyncio.create_task(pipeline.run())
    await feed.tally.reached("waiting")
    await pipeline.drain(1000.0)
    await running
    assert feed.tally["closed"] == sink.tally["close"] == 1
    assert len(sink.items) == 1


async def test_what_is_not_finished_in_time_is_lost_and_its_numbers_are_not_used_again(
    make: Make, logs: list[EventDict]
) -> None:
    processor, feed, ledger = FakeProcessor(hold=Gate()), FakeFeed(*"abcdef"), FakeLedger()
    pipeline = make(
        feed, ListSink(), processor=processor, queue_bytes=ONE_FRAME, ledger=ledger
    )
    running = asyncio.create_task(pipeline.run())
    await feed.tally.reached("taken", 3)
    await processor.tally.reached("advance")
    await pipeline.drain(0.01)
    await running
    assert feed.verdicts == {"a": RETURNED, "b": RETURNED, "c": RETURNED}
    assert ledger.last_seq == 3
    (lost,) = [log for log in logs if log["event"] == LOST]
    assert (lost["frames"], lost["first"], lost["last"]) == (3, 1, 3)
    assert (pipeline.counters.lost, pipeline.counters.returned) == (3, 0)


async def test_what_was_dropped_before_a_lost_frame_leaves_its_numbers_out_too(
    make: Make, logs: list[EventDict]
) -> None:
    reading = threading.Event()

    def read() -> Picture:
        assert reading.wait(20)
        return picture()

    ledger = FakeLedger()
    feed = FakeFeed("a", Offer("b", read, skipped=4))
    pipeline = make(feed, ListSink(), ledger=ledger)
    running = asyncio.create_task(pipeline.run())
    await feed.tally.reached("taken", 2)
    await feed.tally.reached("done", 1)
    await pipeline.drain(0.0)
    await running
    reading.set()
    (lost,) = [log for log in logs if log["event"] == LOST]
    assert (lost["frames"], lost["first"], lost["last"]) == (1, 6, 6)
    assert ledger.last_seq == 6
    assert (pipeline.counters.done, pipeline.counters.dropped) == (1, 4)
    assert pipeline.counters.finished == 6


async def test_the_number_of_a_frame_that_failed_is_not_used_again_by_the_next_run(
    make: Make,
) -> None:
    processor = FakeProcessor(errors={"00000002": ResourceError("out of memory")})
    feed, ledger = FakeFeed("a", "b"), FakeLedger()
    pipeline = make(feed, ListSink(), processor=processor, ledger=ledger)
    await pipeline.drain(1000.0)
    await pipeline.run()
    assert ledger.last_seq == 2


async def test_a_stop_waits_for_the_receivers_of_what_was_sent_while_there_is_time(
    make: Make,
) -> None:
    class Slow(ListSink):
        async def close(self) -> None:
            self.tally.add("closing")
            try:
                await asyncio.Event().wait()
            finally:
                self.tally.add("close")

    sink = Slow()
    pipeline = make(FakeFeed("a"), sink)
    running = asyncio.create_task(pipeline.run())
    await sink.tally.reached("write")
    patient = asyncio.create_task(pipeline.drain(1000.0))
    await sink.tally.reached("closing")
    assert not patient.done()
    async with asyncio.timeout(10):
        await pipeline.drain(0.01)
        await running
        await patient
    assert sink.tally["close"] == 1


async def test_a_stop_does_not_wait_longer_than_a_quarter_more_for_an_output_that_hangs(
    make: Make,
) -> None:
    feed, sink = FakeFeed("a", "b"), ListSink(hold=Gate())
    pipeline = make(feed, sink)
    running = asyncio.create_task(pipeline.run())
    await sink.tally.reached("write")
    async with asyncio.timeout(10):
        await pipeline.drain(0.02)
        await running
    assert feed.verdicts == {"a": RETURNED, "b": RETURNED}


async def test_a_second_stop_may_hurry_a_feed(make: Make) -> None:
    processor, feed = FakeProcessor(hold=Gate()), FakeFeed("a", "b")
    pipeline = make(feed, ListSink(), processor=processor)
    running = asyncio.create_task(pipeline.run())
    await processor.tally.reached("advance")
    patient = asyncio.create_task(pipeline.drain(1000.0))
    await feed.tally.reached("stop")
    await pipeline.drain(0.0)
    await patient
    await running
    assert feed.verdicts["a"] == RETURNED


async def test_a_feed_that_is_stopped_before_it_runs_finishes_what_it_has(
    make: Make,
) -> None:
    feed, sink = FakeFeed("a"), ListSink()
    pipeline = make(feed, sink)
    await pipeline.drain(1000.0)
    async with asyncio.timeout(10):
        await pipeline.run()
    assert len(sink.items) == 1


async def test_dropped_frames_leave_their_numbers_out(make: Make) -> None:
    feed, sink = FakeFeed("a", Offer("b", skipped=3), "c"), ListSink()
    pipeline = make(feed, sink)
    feed.stop()
    await pipeline.drain(1000.0)
    await pipeline.run()
    assert seqs(sink) == [1, 5, 6]
    assert pipeline.counters.dropped == 3
    assert pipeline.counters.finished == 6


async def test_frames_without_names_are_called_by_their_numbers(make: Make) -> None:
    feed, sink = FakeFeed("a", "b"), ListSink()
    pipeline = make(feed, sink)
    await pipeline.drain(1000.0)
    await pipeline.run()
    assert sink.names == ["00000001", "00000002"]


async def test_a_refused_frame_is_left_to_its_feed_to_tell(
    make: Make, logs: list[EventDict]
) -> None:
    ledger = FakeLedger()
    feed = FakeFeed(Offer("a", raising(Refused("no picture", "a JPEG of 3 bytes"))))
    pipeline = make(feed, ListSink(), ledger=ledger)
    await pipeline.drain(1000.0)
    await pipeline.run()
    assert feed.verdicts == {"a": FAILED}
    assert pipeline.counters.failed == {"Refused": 1}
    assert ledger.names_of("failed") == []
    (said,) = [log for log in logs if log["event"] == "frame refused"]
    assert (said["log_level"], said["reason"]) == ("debug", "no picture: a JPEG of 3 bytes")


async def test_a_frame_that_does_not_fit_the_device_is_told_as_of_any_source(
    make: Make, logs: list[EventDict]
) -> None:
    processor = FakeProcessor(errors={"00000001": ResourceError("out of memory")})
    feed, ledger = FakeFeed("a"), FakeLedger()
    pipeline = make(feed, ListSink(), processor=processor, ledger=ledger)
    await pipeline.drain(1000.0)
    await pipeline.run()
    assert ledger.names_of("failed") == [("failed", "a", "out of memory")]
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == [
        "frame skipped"
    ]


async def test_a_feed_is_told_of_what_is_published_and_of_nothing_else(make: Make) -> None:
    feed = FakeFeed("a", "b")
    pipeline = make(feed, ListSink(), FailingSink(names=["00000001"]))
    await pipeline.drain(1000.0)
    await pipeline.run()
    assert feed.verdicts == {"a": FAILED, "b": DONE}
    assert [item.frame.id.source for item in feed.shown] == ["b"]
    assert feed.shown[0].ms.total >= 0.0


async def test_a_feed_that_is_stopped_leaves_its_state_behind(make: Make) -> None:
    checkpoints = FakeCheckpoints()
    keeper = StateKeeper(
        checkpoints, Cadence(1000, 1e9), clock=FakeClock(), log=structlog.get_logger()
    )
    feed = FakeFeed("a", "b")
    pipeline = make(feed, ListSink(), keeper=keeper)
    await pipeline.drain(1000.0)
    await pipeline.run()
    assert checkpoints.states == {2: b"00000001 00000002"}
