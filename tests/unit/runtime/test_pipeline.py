from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import structlog
from structlog.typing import EventDict

from fakes import (
    FailingSink,
    FakeCheckpoints,
    FakeClock,
    FakeLedger,
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
    Postponed,
    ResourceError,
    SinkUnavailable,
    Unreadable,
)
from srstream.frames import AdaptStats, Content, FrameId, Outcome, Picture, Upscaled
from srstream.ledger import Recovered
from srstream.ports import Verdict
from srstream.runtime.cadence import Cadence
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.statekeeper import StateKeeper

Make = Callable[..., Pipeline]

DONE, FAILED, RETURNED = [Verdict.DONE], [Verdict.FAILED], [Verdict.RETURNED]
ONE_FRAME = 36
"""Bytes of a fake picture."""


def _events(logs: Sequence[EventDict], event: str) -> list[EventDict]:
    return [log for log in logs if log["event"] == event]


async def test_a_finite_source_is_worked_off_in_order(make: Make) -> None:
    source, sink = ListSource("a", "b", "c"), ListSink()
    pipeline = make(source, sink)
    await pipeline.run()
    assert sink.names == ["a", "b", "c"]
    ids = [item.frame.id for item in sink.items]
    assert [(i.stream, i.seq, i.source) for i in ids] == [
        ("demo", 1, "a.png"),
        ("demo", 2, "b.png"),
        ("demo", 3, "c.png"),
    ]
    assert source.verdicts == {"a": DONE, "b": DONE, "c": DONE}
    assert pipeline.counters.done == pipeline.counters.kept == 3
    assert pipeline.backlog == 0


async def test_a_frame_too_big_for_the_queues_passes(make: Make) -> None:
    sink = ListSink()
    await make(ListSource("a", "b", "c"), sink, queue_bytes=1).run()
    assert sink.names == ["a", "b", "c"]


async def test_sinks_are_opened_before_the_source_and_closed_after_it(
    make: Make,
) -> None:
    order: list[str] = []

    class Noting(ListSink):
        async def open(self) -> None:
            order.append("sink opens")

        async def close(self) -> None:
            order.append("sink closes")

    class NotingSource(ListSource):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[object]:
            order.append("source opens")
            async with super().open() as packets:
                yield packets
            order.append("source closes")

    await make(NotingSource("a"), Noting(), Noting(reports=True)).run()
    assert order == [
        "sink opens",
        "sink opens",
        "source opens",
        "source closes",
        "sink closes",
        "sink closes",
    ]


async def test_a_bad_frame_is_skipped_with_its_reason(
    make: Make, logs: list[EventDict]
) -> None:
    source = ListSource(
        "a", Offer("bad", raising(DecodeError("bad.png: not a picture"))), "b"
    )
    sink = ListSink()
    pipeline = make(source, sink)
    await pipeline.run()
    assert source.verdicts == {"a": DONE, "bad": FAILED, "b": DONE}
    assert [item.frame.id.seq for item in sink.items] == [1, 2]
    assert pipeline.counters.failed == {"DecodeError": 1}
    assert _events(logs, "frame skipped") == [
        {
            "event": "frame skipped",
            "log_level": "warning",
            "stream": "demo",
            "source": "bad.png",
            "reason": "bad.png: not a picture",
        }
    ]


async def test_a_postponed_frame_is_given_back_and_not_counted_as_failed(
    make: Make, logs: list[EventDict]
) -> None:
    source = ListSource(Offer("a", raising(Postponed("still growing"))), "b")
    pipeline = make(source, ListSink())
    await pipeline.run()
    assert source.verdicts == {"a": RETURNED, "b": DONE}
    assert not pipeline.counters.failed
    assert not [log for log in logs if log["log_level"] == "warning"]


async def test_a_note_is_logged_once_per_stream(make: Make, logs: list[EventDict]) -> None:
    def noted(*notes: str) -> Callable[[], Picture]:
        return lambda: replace(picture(), notes=notes)

    source = ListSource(
        Offer("a", noted("palette converted to RGB")),
        Offer("b", noted("palette converted to RGB", "CMYK converted to RGB")),
    )
    await make(source, ListSink()).run()
    notes = [log["note"] for log in _events(logs, "picture converted")]
    assert notes == ["palette converted to RGB", "CMYK converted to RGB"]


@pytest.mark.parametrize(
    "error", [ResourceError("out of memory"), DecodeError("cannot be enlarged")]
)
async def test_a_frame_the_processor_refuses_is_skipped(
    make: Make, error: Exception
) -> None:
    source, sink = ListSource("a", "b"), ListSink()
    pipeline = make(source, sink, processor=FakeProcessor(errors={"a": error}))
    await pipeline.run()
    assert source.verdicts == {"a": FAILED, "b": DONE}
    assert pipeline.counters.failed == {type(error).__name__: 1}
    assert sink.names == ["b"]


async def test_one_output_failing_leaves_the_others_their_frame(
    make: Make, logs: list[EventDict]
) -> None:
    source, good, reports = ListSource("a", "b"), ListSink(), ListSink(reports=True)
    pipeline = make(source, FailingSink(names=["a"]), good, reports)
    await pipeline.run()
    assert good.names == ["a", "b"]
    assert reports.names == ["b"]
    assert source.verdicts == {"a": FAILED, "b": DONE}
    assert pipeline.counters.failed == {"SinkError": 1}
    assert pipeline.counters.done == 1
    (log,) = _events(logs, "output failed")
    assert log["log_level"] == "error"
    assert "/out/x.png" in log["reason"]


async def test_a_failing_report_does_not_fail_the_frame(make: Make) -> None:
    source = ListSource("a")
    pipeline = make(source, ListSink(), FailingSink(reports=True))
    await pipeline.run()
    assert source.verdicts == {"a": DONE}
    assert pipeline.counters.sink_errors == 1


async def test_a_report_knows_where_the_time_went(make: Make) -> None:
    clock = FakeClock(100.0)

    class SlowSink(ListSink):
        async def write(self, item: Upscaled) -> None:
            clock.advance(0.25)
            await super().write(item)

    def slow_read() -> Picture:
        clock.advance(0.5)
        return picture()

    stats = AdaptStats(
        Outcome.ADAPTED,
        2,
        net="n",
        preset="p",
        device="cpu",
        adapt_ms=30.0,
        upscale_ms=20.0,
    )
    reports = ListSink(reports=True)
    await make(
        ListSource(Offer("a", slow_read, offered=99.0)),
        SlowSink(),
        reports,
        clock=clock,
        processor=FakeProcessor(stats=stats),
    ).run()
    ms = reports.items[0].ms
    assert (ms.decode, ms.adapt, ms.upscale, ms.write) == (500.0, 30.0, 20.0, 250.0)
    assert ms.total == 1750.0
    assert ms.queue == 1750.0 - 800.0


async def test_reports_are_written_after_the_pictures_and_then_the_observer_is_told(
    make: Make,
) -> None:
    hold, order = Gate(), []

    class Noting(ListSink):
        async def write(self, item: Upscaled) -> None:
            await super().write(item)
            order.append("report" if self.reports else "picture")

    slow = Noting(hold=hold)
    pipeline = make(
        ListSource("a"),
        Noting(reports=True),
        slow,
        observer=lambda item: order.append(item.frame.id.name),
    )
    running = asyncio.create_task(pipeline.run())
    await slow.tally.reached("write")
    assert not order
    hold.open()
    await running
    assert order == ["picture", "report", "a"]


async def test_a_packet_is_done_only_after_every_sink_wrote(make: Make) -> None:
    hold = Gate()
    source, quick, slow = ListSource("a"), ListSink(), ListSink(hold=hold)
    running = asyncio.create_task(make(source, quick, slow).run())
    await asyncio.gather(*(sink.tally.reached("write") for sink in (quick, slow)))
    assert source.verdicts == {"a": []}
    hold.open()
    await running
    assert source.verdicts == {"a": DONE}


async def test_no_more_is_decoded_than_the_queue_holds_and_one(make: Make) -> None:
    processor = FakeProcessor(hold=Gate())
    source = HangingSource(*"abcdef")
    pipeline = make(source, ListSink(), processor=processor, queue_bytes=2 * ONE_FRAME)
    running = asyncio.create_task(pipeline.run())
    # One is processed, two are queued, one waits for room.
    await source.tally.reached("taken", 4)
    await processor.tally.reached("advance", 20)
    assert source.tally["taken"] == 4
    assert pipeline.backlog == 6
    await pipeline.drain(0.0)
    await running


async def test_the_loop_goes_on_while_a_picture_is_read(make: Make) -> None:
    gate, reading = Gate(), Tally()

    def read() -> Picture:
        reading.add(str(threading.get_ident()))
        reading.add("begun")
        assert gate.wait()
        return picture()

    running = asyncio.create_task(make(ListSource(Offer("a", read)), ListSink()).run())
    await reading.reached("begun")
    gate.open()
    await running
    assert reading[str(threading.get_ident())] == 0


async def test_what_takes_no_time_is_read_without_another_thread(make: Make) -> None:
    reading, sink = Tally(), ListSink()

    def read() -> Picture:
        reading.add(str(threading.get_ident()))
        return picture()

    await make(ListSource(Offer("a", read, at_once=True)), sink).run()
    assert sink.names == ["a"]
    assert reading[str(threading.get_ident())] == 1


async def test_what_is_wrong_is_skipped_also_if_it_takes_no_time(make: Make) -> None:
    source, sink = (
        ListSource(Offer("a", raising(DecodeError("no")), at_once=True), "b"),
        ListSink(),
    )
    await make(source, sink).run()
    assert sink.names == ["b"]
    assert source.verdicts == {"a": FAILED, "b": DONE}


def _with_content(text: str) -> Callable[[], Picture]:
    """Return a way to read a picture from a file of this content."""
    return lambda: replace(picture(), content=Content(text.encode(), read_at_ns=0))


async def test_numbers_go_on_where_the_run_before_ended(make: Make) -> None:
    ledger, sink = FakeLedger(), ListSink()
    ledger.last_seq = 41
    await make(ListSource("a", "b"), sink, ledger=ledger).run()
    assert [item.frame.id.seq for item in sink.items] == [42, 43]
    assert ledger.last_seq == 43


async def test_what_a_crash_left_is_put_right_before_anything_is_opened(
    make: Make, logs: list[EventDict]
) -> None:
    sink = ListSink()

    class Crashed(FakeLedger):
        async def recover(self) -> Recovered:
            assert not sink.tally["open"]
            return Recovered(adopted=1, redone=2)

    await make(ListSource(), sink, ledger=Crashed()).run()
    (said,) = _events(logs, "frames that an earlier run left unfinished")
    assert (said["adopted"], said["redone"]) == (1, 2)


async def test_a_frame_that_cannot_be_read_now_is_offered_again_later(make: Make) -> None:
    source = ListSource(Offer("a", raising(Unreadable("permission denied"))), "b")
    ledger = FakeLedger()
    pipeline = make(source, ListSink(), ledger=ledger)
    await pipeline.run()
    assert source.verdicts == {"a": [Verdict.LATER], "b": DONE}
    assert pipeline.counters.later == 1
    assert not pipeline.counters.failed
    assert ledger.names_of("failed") == []


async def test_the_ledger_knows_why_a_frame_failed(make: Make) -> None:
    ledger = FakeLedger()
    source = ListSource(Offer("bad", raising(DecodeError("bad.png is empty"))), "b")
    processor = FakeProcessor(errors={"b": ResourceError("no memory")})
    await make(source, ListSink(), processor=processor, ledger=ledger).run()
    assert ledger.names_of("failed") == [
        ("failed", "bad.png", "bad.png is empty"),
        ("failed", "b.png", "no memory"),
    ]


async def test_a_frame_identical_to_the_one_before_gets_its_enlargement_again(
    make: Make,
) -> None:
    offers = [Offer(str(n), _with_content(text)) for n, text in enumerate("xxyx")]
    processor, sink = FakeProcessor(), ListSink()
    pipeline = make(ListSource(*offers), sink, processor=processor, reuse=True)
    await pipeline.run()
    assert processor.seen == ["0", "2", "3"]
    outcomes = [item.stats.outcome for item in sink.items]
    assert outcomes == ["adapted", "reused", "adapted", "adapted"]
    assert [item.frame.id.name for item in sink.items] == ["0", "1", "2", "3"]
    assert sink.items[1].pixels is sink.items[0].pixels
    assert pipeline.counters.reused == 1


async def test_identical_frames_are_upscaled_each_if_nobody_asked(make: Make) -> None:
    offers = [Offer(name, _with_content("same")) for name in ("a", "b")]
    processor = FakeProcessor()
    await make(ListSource(*offers), ListSink(), processor=processor).run()
    assert processor.seen == ["a", "b"]


async def test_after_an_output_that_could_not_wait_nothing_overtakes_it(
    make: Make,
) -> None:
    class Full(ListSink):
        async def write(self, item: Upscaled) -> None:
            self.tally.add("refused")
            raise SinkUnavailable("no space")

    sink, processor = Full(), FakeProcessor()
    source = HangingSource("a", "b", "c")
    pipeline = make(source, sink, processor=processor)
    running = asyncio.create_task(pipeline.run())
    await sink.tally.reached("refused")
    await processor.tally.reached("finish", 3)
    await pipeline.drain(5.0)
    await running
    assert source.verdicts == {"a": RETURNED, "b": RETURNED, "c": RETURNED}


async def test_a_stop_does_not_wait_for_a_ledger_that_cannot_be_written(
    make: Make,
) -> None:
    asked = Tally()

    class Full(FakeLedger):
        async def done(self, frame: FrameId, *, line: str | None) -> None:
            asked.add("done")
            await asyncio.Event().wait()

    source, sink = HangingSource("a", "b"), ListSink()
    sink.lasting = True
    pipeline = make(source, sink, ledger=Full())
    running = asyncio.create_task(pipeline.run())
    await asked.reached("done")
    await pipeline.drain(0.02)
    await running
    assert source.verdicts == {"a": RETURNED, "b": RETURNED}


async def test_the_state_of_a_killed_run_is_where_its_last_published_frame_left_it(
    make: Make,
) -> None:
    ledger, checkpoints = FakeLedger(), FakeCheckpoints()

    def keeper() -> StateKeeper:
        return StateKeeper(checkpoints, None, clock=FakeClock(), log=structlog.get_logger())

    await make(ListSource("a", "b"), ListSink(), ledger=ledger, keeper=keeper()).run()
    assert checkpoints.states == {1: b"a", 2: b"a b"}
    checkpoints.states[3] = b"a b c"  # saved, but the frame was never published
    processor = FakeProcessor()
    await make(
        ListSource("c"), ListSink(), ledger=ledger, keeper=keeper(), processor=processor
    ).run()
    assert processor.seen == ["a", "b", "c"]


async def test_a_stream_that_ends_leaves_its_state_behind(make: Make) -> None:
    checkpoints = FakeCheckpoints()
    keeper = StateKeeper(
        checkpoints, Cadence(1000, 1e9), clock=FakeClock(), log=structlog.get_logger()
    )
    await make(ListSource("a", "b"), ListSink(), keeper=keeper).run()
    assert checkpoints.states == {2: b"a b"}
