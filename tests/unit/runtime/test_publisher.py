from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import structlog
from structlog.typing import EventDict

from fakes import FailingSink, FakeClock, FakeLedger, Gate, ListSink, frame
from srstream.errors import SinkError, SinkUnavailable
from srstream.frames import AdaptStats, Content, Outcome, Picture, Upscaled
from srstream.ports import Packet, Sink, Verdict
from srstream.runtime.counters import Counters
from srstream.runtime.cutoff import Cutoff
from srstream.runtime.publisher import Publisher, Ready
from srstream.runtime.statekeeper import Saving


class Flaky(ListSink):
    """Cannot be written at first."""

    lasting = True

    def __init__(self, *errors: SinkError) -> None:
        super().__init__()
        self.errors = list(errors)

    async def write(self, item: Upscaled) -> None:
        if self.errors:
            self.tally.add("refused")
            raise self.errors.pop(0)
        await super().write(item)


class Bench:
    """A publisher with fakes around it."""

    def __init__(self, *sinks: Sink, patient: bool = True) -> None:
        self.ledger = FakeLedger()
        self.counters = Counters()
        self.stop = Cutoff()
        self.publisher = Publisher(
            sinks,
            ledger=self.ledger,
            tell=lambda item: f"line {item.frame.id.seq}, {item.ms.write:.0f}",
            clock=FakeClock(),
            counters=self.counters,
            stop_waiting=self.stop,
            patient=patient,
            log=structlog.get_logger(),
        )

    async def publish(self, seq: int = 1, saving: Saving | None = None) -> Verdict:
        published = await self.publisher.publish(ready(seq, saving))
        return published.verdict


def ready(seq: int, saving: Saving | None = None) -> Ready:
    async def done(_: Verdict) -> None: ...

    given = frame(seq, seq=seq)
    stats = AdaptStats(Outcome.ADAPTED, 2, "fake", "fake", "cpu")
    packet = Packet(given.id.source, given.id.name, 0.0, lambda: given.picture, done)
    return Ready(packet, Upscaled(given, given.picture.pixels, stats), 1.0, saving)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srstream.runtime.publisher._FIRST_WAIT", 0.0)


def _said(logs: Sequence[EventDict], event: str) -> int:
    return sum(log["event"] == event for log in logs)


async def test_the_ledger_knows_of_a_frame_before_it_is_written_and_when_it_stands() -> (
    None
):
    lasting, passing, reports = Flaky(), ListSink(), ListSink(reports=True)
    bench = Bench(lasting, passing, reports)
    assert await bench.publish() is Verdict.DONE
    assert bench.ledger.calls == [("publishing", "1.png", 1, 1), ("done", "1.png", 1)]
    assert bench.ledger.said == {1: "line 1, 0"}
    assert lasting.names == passing.names == reports.names == ["1"]


async def test_what_cannot_be_written_now_is_written_later_and_the_frame_is_done(
    logs: list[EventDict],
) -> None:
    full = SinkUnavailable("/out/1.png: no space left on device")
    flaky, other = Flaky(full, full, full), ListSink()
    bench = Bench(flaky, other)
    assert await bench.publish() is Verdict.DONE
    assert flaky.names == other.names == ["1"]
    assert other.tally["write"] == 1
    assert _said(logs, "output cannot be written: the stream waits") == 1
    assert bench.counters.stalled_since is None
    assert bench.counters.sink_errors == 3


async def test_while_an_output_is_waited_for_the_counters_say_so() -> None:
    sink = FailingSink(at_write=SinkUnavailable("full"))
    bench = Bench(sink)
    publishing = asyncio.create_task(bench.publish())
    await sink.tally.reached("write", 2)
    assert bench.counters.stalled_since is not None
    bench.stop.set(0.0)
    assert await publishing is Verdict.RETURNED
    assert bench.counters.stalled_since is None
    assert bench.ledger.names_of("done", "failed") == []


async def test_what_can_never_be_written_fails_the_frame_with_its_reason() -> None:
    bench = Bench(FailingSink(at_write=SinkError("the name is too long")), ListSink())
    assert await bench.publish() is Verdict.FAILED
    assert bench.ledger.names_of("done", "failed") == [
        ("failed", "1.png", "the name is too long")
    ]


async def test_without_patience_an_output_that_cannot_be_written_now_has_failed() -> None:
    flaky = Flaky(SinkUnavailable("no space"))
    assert await Bench(flaky, patient=False).publish() is Verdict.FAILED
    assert flaky.tally["refused"] == 1


async def test_a_failing_report_fails_nothing_and_is_named_once(
    logs: list[EventDict],
) -> None:
    bench = Bench(ListSink(), FailingSink(reports=True))
    assert await bench.publish() is Verdict.DONE
    assert await bench.publish(2) is Verdict.DONE
    assert bench.counters.sink_errors == 2
    assert _said(logs, "report failed: it is tried again") == 1


async def test_a_report_that_works_again_is_said_to(logs: list[EventDict]) -> None:
    flaky = Flaky(SinkUnavailable("full"))
    flaky.reports = True
    bench = Bench(ListSink(), flaky)
    await bench.publish()
    await bench.publish(2)
    assert flaky.names == ["2"]
    assert _said(logs, "report written again") == 1


async def test_the_state_is_saved_before_the_ledger_hears_of_the_frame() -> None:
    bench = Bench(ListSink())
    saved = Gate()

    async def save() -> None:
        assert bench.ledger.calls == []
        saved.open()

    assert await bench.publish(saving=Saving(10, save)) is Verdict.DONE
    await saved.passed()


async def test_a_frame_whose_state_cannot_be_saved_is_not_published() -> None:
    sink = ListSink()
    bench = Bench(sink)
    bench.stop.set(0.0)

    async def save() -> None:
        raise SinkUnavailable("no space")

    assert await bench.publish(saving=Saving(10, save)) is Verdict.RETURNED
    assert sink.names == []
    assert bench.ledger.calls == []


def test_a_state_that_waits_counts_in_the_queue() -> None:
    async def save() -> None: ...

    assert ready(1, Saving(1000, save)).nbytes == ready(1).nbytes + 1000


async def test_a_sink_that_cannot_be_opened_is_tried_again_with_the_frame(
    logs: list[EventDict],
) -> None:
    sink = FailingSink(at_open=SinkUnavailable("not there"), names=())
    bench = Bench(sink)
    await bench.publisher.open()
    assert await bench.publish() is Verdict.DONE
    await bench.publisher.close()
    assert sink.tally["close"] == 1
    assert _said(logs, "output cannot be opened: frames wait for it") == 1


async def test_a_frame_that_leaves_nothing_behind_does_not_wait_for_the_disk() -> None:
    bench = Bench(ListSink())
    assert await bench.publish(seq=7) is Verdict.DONE
    assert bench.ledger.calls == [("passed", 7)]


async def test_a_frame_of_a_file_is_noted_though_its_outputs_do_not_last() -> None:
    bench = Bench(ListSink())
    given = ready(7)
    content = Content(b"digest", 0)
    seen = replace(given.item.frame, picture=Picture(given.item.pixels, content=content))
    given = replace(given, item=replace(given.item, frame=seen))
    assert (await bench.publisher.publish(given)).verdict is Verdict.DONE
    assert [call[0] for call in bench.ledger.calls] == ["publishing", "done"]


class Slow(ListSink):
    """Takes long to close; notes when it has, and whether it was hurried."""

    def __init__(self) -> None:
        super().__init__()
        self.hold = Gate()
        self.was_hurried = False

    async def close(self) -> None:
        self.tally.add("closing")
        try:
            await self.hold.passed()
        except asyncio.CancelledError:
            self.was_hurried = True
            raise
        finally:
            self.tally.add("close")


async def test_outputs_are_closed_side_by_side() -> None:
    one, other = Slow(), Slow()
    closing = asyncio.create_task(Bench(one, other).publisher.close())
    await one.tally.reached("closing")
    await other.tally.reached("closing")
    other.hold.open()
    one.hold.open()
    await closing
    assert (one.was_hurried, other.was_hurried) == (False, False)


async def test_all_outputs_are_closed_also_when_that_is_broken_off() -> None:
    one, other = Slow(), Slow()
    closing = asyncio.create_task(Bench(one, other).publisher.close())
    await one.tally.reached("closing")
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert (one.tally["close"], other.tally["close"]) == (1, 1)
    assert (one.was_hurried, other.was_hurried) == (True, True)


async def test_an_output_that_breaks_as_it_closes_does_not_keep_the_others_open() -> None:
    class Broken(ListSink):
        async def close(self) -> None:
            raise ZeroDivisionError("bug")

    sink = ListSink()
    with pytest.raises(ZeroDivisionError, match="bug"):
        await Bench(Broken(), sink).publisher.close()
    assert sink.tally["close"] == 1
