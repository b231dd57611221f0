from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.typing import EventDict

from fakes import (
    FailingSink,
    FakeProcessor,
    Gate,
    HangingSource,
    ListSink,
    ListSource,
    Offer,
    picture,
    raising,
)
from srstream.errors import (
    SinkError,
    SourceError,
)
from srstream.frames import AdaptStats, Outcome, Picture, Upscaled
from srstream.ports import Verdict
from srstream.runtime.pipeline import Pipeline

Make = Callable[..., Pipeline]

DONE, FAILED, RETURNED = [Verdict.DONE], [Verdict.FAILED], [Verdict.RETURNED]
ONE_FRAME = 36
"""Bytes of a fake picture."""


def _events(logs: Sequence[EventDict], event: str) -> list[EventDict]:
    return [log for log in logs if log["event"] == event]


async def test_an_output_that_cannot_be_opened_fails_its_frames_and_the_stream_goes_on(
    make: Make, logs: list[EventDict]
) -> None:
    source, opened = ListSource("a", "b"), ListSink()
    failing = FailingSink(at_open=SinkError("/out: read-only file system"), names=["a"])
    pipeline = make(source, opened, failing)
    await pipeline.run()
    assert opened.names == ["a", "b"]
    assert failing.names == ["b"]  # by then it could be written to
    assert source.verdicts == {"a": FAILED, "b": DONE}
    assert pipeline.counters.sink_errors == 2
    (error,) = _events(logs, "output cannot be opened: frames wait for it")
    assert error["reason"] == "/out: read-only file system"
    assert opened.tally["close"] == failing.tally["close"] == 1


async def test_a_frame_that_is_only_enlarged_by_bicubic_is_named(
    make: Make, logs: list[EventDict]
) -> None:
    stats = AdaptStats(Outcome.FALLBACK, 2, net="fake", preset="fake", device="cpu")
    tiny = Offer("tiny", lambda: picture(size=(1, 1)))
    await make(ListSource(tiny), ListSink(), processor=FakeProcessor(stats=stats)).run()
    (said,) = _events(logs, "frame enlarged by bicubic alone")
    assert (said["source"], said["size"]) == ("tiny.png", "1x1")


async def test_an_output_that_cannot_be_closed_is_logged(
    make: Make, logs: list[EventDict]
) -> None:
    class Unclosable(ListSink):
        async def close(self) -> None:
            raise SinkError("/out: gone")

    other = ListSink()
    await make(ListSource("a"), other, Unclosable()).run()
    assert other.tally["close"] == 1
    assert [log["reason"] for log in _events(logs, "output could not be closed")] == [
        "/out: gone"
    ]


async def test_a_bug_while_reading_ends_the_stream_with_the_plain_exception(
    make: Make,
) -> None:
    processor = FakeProcessor(hold=Gate())
    gate = Gate()

    def read() -> Picture:
        assert gate.wait()
        raise KeyError("bug")

    source, sink = ListSource("a", Offer("b", read)), ListSink()
    running = asyncio.create_task(make(source, sink, processor=processor).run())
    await processor.tally.reached("advance")
    gate.open()
    with pytest.raises(KeyError, match="bug"):
        await running
    await processor.tally.reached("abandon")
    assert source.verdicts == {"a": RETURNED, "b": RETURNED}
    assert source.tally["closed"] == sink.tally["close"] == 1


async def test_a_read_that_raises_stop_iteration_ends_the_stream_too(
    make: Make,
) -> None:
    source = ListSource(Offer("a", raising(StopIteration())))
    with pytest.raises(RuntimeError):
        await make(source, ListSink()).run()


async def test_a_bug_in_the_processor_gives_every_packet_back_once(make: Make) -> None:
    source = HangingSource(*"abc")
    processor = FakeProcessor(errors={"b": ZeroDivisionError("bug")})
    with pytest.raises(ZeroDivisionError):
        await make(source, ListSink(hold=Gate()), processor=processor).run()
    assert all(len(verdicts) == 1 for verdicts in source.verdicts.values())
    assert source.verdicts["b"] == RETURNED


async def test_a_bug_in_a_sink_gives_every_packet_back_once(make: Make) -> None:
    source = HangingSource(*"abc")
    waiting = ListSink(hold=Gate())
    buggy = FailingSink(at_write=ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        await make(source, waiting, buggy).run()
    assert source.verdicts["a"] == RETURNED
    assert all(verdicts == RETURNED for verdicts in source.verdicts.values())
    assert waiting.tally["close"] == buggy.tally["close"] == 1


async def test_a_source_that_breaks_ends_the_stream(make: Make) -> None:
    class Breaking(ListSource):
        async def _packets(self) -> AsyncIterator[object]:
            async for packet in super()._packets():
                yield packet
            raise SourceError("/in: input/output error")

    processor = FakeProcessor(hold=Gate())
    source = Breaking("a")
    with pytest.raises(SourceError):
        await make(source, ListSink(), processor=processor).run()
    assert source.verdicts == {"a": RETURNED}


async def test_a_source_that_cannot_be_opened_ends_the_stream(make: Make) -> None:
    class Unopenable(ListSource):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[object]:
            raise SourceError("/in: no such folder")
            yield

    sink = ListSink()
    with pytest.raises(SourceError):
        await make(Unopenable(), sink).run()
    assert sink.tally["close"] == 1


async def test_a_cancelled_stream_gives_every_packet_back_once(make: Make) -> None:
    processor, sink = FakeProcessor(), ListSink(hold=Gate())
    source = HangingSource(*"abcdef")
    pipeline = make(source, sink, processor=processor, queue_bytes=1)
    running = asyncio.create_task(pipeline.run())
    await processor.tally.reached("finish", 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert all(verdicts == RETURNED for verdicts in source.verdicts.values())
    assert source.tally["closed"] == sink.tally["close"] == 1


async def test_a_packet_that_cannot_be_given_back_does_not_keep_the_others(
    make: Make, logs: list[EventDict]
) -> None:
    class Forgetful(HangingSource):
        def _settler(self, offer: Offer) -> object:
            settle = super()._settler(offer)

            async def done(verdict: Verdict) -> None:
                if offer.name == "a":
                    raise SourceError("a.png: who?")
                await settle(verdict)

            return done

    source = Forgetful("a", "b")
    pipeline = make(source, ListSink(), processor=FakeProcessor(hold=Gate()))
    running = asyncio.create_task(pipeline.run())
    await source.tally.reached("waiting")
    await pipeline.drain(0.0)
    await running
    assert source.verdicts == {"a": [], "b": RETURNED}
    assert len(_events(logs, "frame could not be given back")) == 1


async def test_errors_that_follow_the_first_are_noted_on_it(make: Make) -> None:
    class Stubborn(ListSink):
        async def write(self, item: Upscaled) -> None:
            try:
                await super().write(item)
            finally:
                raise LookupError("second bug")

    hold = Gate()
    processor = FakeProcessor(errors={"b": ZeroDivisionError("first bug")})
    gate = Gate()

    def read() -> Picture:
        assert gate.wait()
        return picture()

    sink = Stubborn(hold=hold)
    source = ListSource("a", Offer("b", read))
    running = asyncio.create_task(make(source, sink, processor=processor).run())
    await sink.tally.reached("write")
    gate.open()
    with pytest.raises(ZeroDivisionError) as caught:
        await running
    assert "second bug" in caught.value.__notes__[0]


class FaultyProcessor(FakeProcessor):
    """Something goes wrong in training, by the name of the frame."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__()
        self._faults = faults

    def finish(self) -> Upscaled:
        item = super().finish()
        fault = self._faults.get(item.frame.id.name)
        return replace(item, stats=replace(item.stats, fault=fault))


async def test_a_fault_in_training_is_warned_of_once_until_it_is_another(
    make: Make, logs: list[EventDict]
) -> None:
    full, other = "out of memory", "IndexError: 7"
    faults = {"a": full, "b": full, "d": full, "e": other, "f": full}
    pipeline = make(ListSource(*"abcdef"), processor=FaultyProcessor(faults))
    await pipeline.run()
    said = _events(logs, "adaptation failed")
    assert [(log["log_level"], log["seq"], log["fault"]) for log in said] == [
        ("warning", 1, full),
        ("debug", 2, full),
        ("debug", 4, full),
        ("warning", 5, other),
        ("warning", 6, full),
    ]
    assert pipeline.counters.faults == 5
    assert pipeline.counters.done == 6
