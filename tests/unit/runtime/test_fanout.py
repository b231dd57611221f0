from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import pytest
import structlog
from structlog.typing import EventDict

from fakes import (
    FailingSink,
    FakeClock,
    FakeLedger,
    FakeProcessor,
    FakeSender,
    FakeSenders,
    Gate,
    ListSink,
)
from runnables import FAILURE, FakePipeline, FakeSleep, Maker, heard
from srstream.errors import (
    DeviceLostError,
    SinkError,
    SourceError,
    SrstreamError,
    StateDirError,
)
from srstream.ports import Sender, Verdict
from srstream.runtime.fanout import FanOut, name_of, prefix_of
from srstream.runtime.pipeline import Pipeline

Make = Callable[..., Pipeline]

LOOK = 5.0
PAUSE = 60.0


class Feed:
    """A fan-out and the fakes around it."""

    def __init__(self, make: Callable[[str, Sender], object] | None = None) -> None:
        self.senders = FakeSenders()
        self.made = Maker()
        self.clock = FakeClock()
        self.sleep = FakeSleep(self.clock)
        self.output = ListSink()
        self.fanout = FanOut(
            "demo",
            senders=self.senders,
            make=make or self.made,
            idle=300.0,
            clock=self.clock,
            sleep=self.sleep,
            log=structlog.get_logger(),
            shared=[self.output],
            tidy=self._tidy,
        )
        self.tidied: list[list[str]] = []
        """The names that were alive, at each call."""
        self.broken: SrstreamError | None = None
        self.running = asyncio.create_task(self.fanout.run())

    async def _tidy(self, living: Callable[[], Collection[str]]) -> None:
        self.tidied.append(sorted(living()))
        if self.broken is not None:
            raise self.broken

    async def hear(self, name: str, *offers: str) -> tuple[FakeSender, FakePipeline]:
        """Let a sender appear, and return it with its pipeline when that runs."""
        sender = self.senders.appear(FakeSender(name, *offers))
        return sender, await self.made.running(f"demo.{name}")

    async def fail_for_good(self, name: str, error: Exception = FAILURE) -> None:
        for number, delay in enumerate((1.0, 2.0, 4.0, 8.0), start=1):
            (await self.made.running(name, number)).fail(error)
            await self.sleep.wake(delay)
        (await self.made.running(name, 5)).fail(error)
        await self.sleep.asked(PAUSE)

    async def stop(self) -> None:
        await self.fanout.drain(1000.0)
        await self.running


@asynccontextmanager
async def fed(make: Callable[[str, Sender], object] | None = None) -> AsyncIterator[Feed]:
    feed = Feed(make)
    async with asyncio.timeout(20):
        yield feed
        feed.running.cancel()
        await asyncio.gather(feed.running, return_exceptions=True)


async def test_every_sender_has_a_stream_of_its_own() -> None:
    async with fed() as feed:
        one, _ = await feed.hear("cam1")
        other, _ = await feed.hear("cam2")
        assert feed.made.specs_that_run() == {"demo.cam1": one, "demo.cam2": other}
        await feed.stop()


async def test_what_all_write_to_is_opened_before_and_closed_after_them() -> None:
    async with fed() as feed:
        await feed.output.tally.reached("open")
        _, pipeline = await feed.hear("cam1")
        assert feed.output.tally["close"] == 0
        await feed.stop()
        assert not pipeline.runs
        assert (feed.output.tally["open"], feed.output.tally["close"]) == (1, 1)
        assert feed.senders.tally["closed"] == 1


async def test_an_output_that_cannot_be_opened_now_is_tried_with_every_frame(
    logs: list[EventDict],
) -> None:
    async with fed() as feed:
        feed.fanout._shared = [FailingSink(at_open=SinkError("in use"))]
        await feed.hear("cam1")
        assert len(heard(logs, "output cannot be opened: frames wait for it")) == 1
        assert feed.fanout.counters.sink_errors == 1
        await feed.stop()


async def test_a_feed_that_cannot_listen_fails_the_stream() -> None:
    async with fed() as feed:
        feed.senders.error = SourceError("tcp://127.0.0.1:5555: in use")
        with pytest.raises(SourceError, match="in use"):
            await feed.running
        assert feed.output.tally["close"] == 1


async def test_a_stop_ends_all_streams_side_by_side() -> None:
    async with fed() as feed:
        _, one = await feed.hear("cam1")
        _, other = await feed.hear("cam2")
        one.deaf = other.deaf = True
        stopping = asyncio.create_task(feed.fanout.drain(1000.0))
        await one.tally.reached("drain")
        await other.tally.reached("drain")
        assert 0 < one.drained[0] <= 1000.0
        assert feed.senders.tally["stop"] == 1
        assert not stopping.done()
        one.end()
        other.end()
        await stopping
        await feed.running


async def test_a_stream_that_does_not_end_in_time_is_cut_and_the_stop_has_failed() -> None:
    async with fed() as feed:
        _, pipeline = await feed.hear("cam1")
        pipeline.deaf = True
        await feed.fanout.drain(0.01)
        with pytest.raises(SourceError, match=r"demo\.cam1 did not stop in time"):
            await feed.running
        assert not pipeline.runs


async def test_a_stop_waits_for_a_stream_that_is_being_made() -> None:
    async with fed() as feed:
        feed.made.hold["demo.cam1"] = Gate()
        feed.senders.appear(FakeSender("cam1", "a"))
        await feed.made.tally.reached("demo.cam1")
        stopping = asyncio.create_task(feed.fanout.drain(1000.0))
        await feed.senders.tally.reached("stop")
        feed.made.hold["demo.cam1"].open()
        await stopping
        await feed.running
        assert feed.made["demo.cam1"].drained


async def test_stopped_before_it_runs_it_ends_at_once() -> None:
    async with fed() as feed:
        await feed.fanout.drain(1000.0)
        await feed.running
        assert not feed.made.made


async def test_a_cancelled_feed_leaves_no_stream_behind() -> None:
    async with fed() as feed:
        _, one = await feed.hear("cam1")
        _, other = await feed.hear("cam2")
        feed.running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await feed.running
        assert not one.runs
        assert not other.runs
        assert feed.output.tally["close"] == feed.senders.tally["closed"] == 1


async def test_a_stream_that_fails_is_started_again_and_the_others_do_not_notice() -> None:
    async with fed() as feed:
        _, failing = await feed.hear("cam1")
        _, other = await feed.hear("cam2")
        failing.fail(FAILURE)
        await feed.sleep.wake(1.0)
        await feed.made.running("demo.cam1", 2)
        assert other.runs
        assert len(feed.made.made["demo.cam2"]) == 1
        await feed.stop()


async def test_a_stream_that_stays_down_is_tried_anew_after_a_pause(
    logs: list[EventDict],
) -> None:
    async with fed() as feed:
        _, other = await feed.hear("cam2")
        feed.senders.appear(FakeSender("cam1"))
        await feed.fail_for_good("demo.cam1")
        (said,) = heard(logs, "stream stays down")
        assert said["remedy"] == "mend the cause; it is tried anew after 60 s"
        assert other.runs
        await feed.sleep.wake(PAUSE)
        await feed.made.running("demo.cam1", 6)
        await feed.stop()


@pytest.mark.parametrize("error", [FAILURE, ZeroDivisionError("bug")])
async def test_a_stop_while_a_stream_is_down_tells_why(error: Exception) -> None:
    async with fed() as feed:
        feed.senders.appear(FakeSender("cam1"))
        await feed.fail_for_good("demo.cam1", error)
        await feed.fanout.drain(1000.0)
        with pytest.raises(type(error), match=str(error)):
            await feed.running


async def test_a_lost_device_ends_all_streams_at_once() -> None:
    async with fed() as feed:
        _, failing = await feed.hear("cam1")
        _, other = await feed.hear("cam2")
        failing.fail(DeviceLostError("gone"))
        with pytest.raises(DeviceLostError, match="gone"):
            await feed.running
        assert not other.runs


async def test_a_sender_that_is_silent_is_put_aside() -> None:
    async with fed() as feed:
        silent, pipeline = await feed.hear("cam1")
        talking, other = await feed.hear("cam2")
        silent.idle, talking.idle = 300.0, 299.0
        pipeline.counters.done = 7
        other.counters.done = 1
        await feed.sleep.wake(LOOK)
        await pipeline.tally.reached("over")
        assert silent.is_retired
        assert not talking.is_retired
        assert other.runs
        assert feed.fanout.counters.done == 8
        await feed.stop()


async def test_a_sender_of_which_something_waits_is_not_put_aside() -> None:
    async with fed() as feed:
        sender, pipeline = await feed.hear("cam1", "a")
        sender.idle = 300.0
        await feed.sleep.wake(LOOK)
        await feed.sleep.asked(LOOK)
        assert pipeline.runs
        await feed.stop()


async def test_a_sender_heard_again_has_a_new_stream_only_when_the_old_one_has_ended() -> (
    None
):
    async with fed() as feed:
        sender, pipeline = await feed.hear("cam1")
        pipeline.deaf = True
        sender.idle = 300.0
        await feed.sleep.wake(LOOK)
        await pipeline.tally.reached("drain")
        again = feed.senders.appear(FakeSender("cam1", "a", "b"))
        await feed.hear("cam2")
        assert feed.made.made["demo.cam1"] == [pipeline]
        assert feed.fanout.backlog == 2
        pipeline.end()
        await feed.made.running("demo.cam1", 2)
        assert feed.made.specs_that_run()["demo.cam1"] is again
        await feed.stop()


async def test_a_silent_sender_whose_stream_is_down_is_put_aside_without_a_word() -> None:
    async with fed() as feed:
        sender = feed.senders.appear(FakeSender("cam1"))
        await feed.fail_for_good("demo.cam1")
        sender.idle = 300.0
        await feed.sleep.wake(LOOK)
        await feed.stop()
        assert sender.is_retired


async def test_senders_of_old_are_forgotten_at_the_start_and_when_one_was_put_aside() -> (
    None
):
    async with fed() as feed:
        silent, pipeline = await feed.hear("cam1")
        await feed.hear("cam2")
        await feed.sleep.wake(LOOK)
        await feed.sleep.asked(LOOK)
        assert len(feed.tidied) == 1
        pipeline.deaf = True
        silent.idle = 300.0
        await feed.sleep.wake(LOOK)
        await feed.sleep.asked(LOOK)
        assert feed.tidied[1:] == [["demo.cam1", "demo.cam2"]]
        pipeline.end()
        await feed.stop()


async def test_a_ledger_that_cannot_forget_stops_nothing(logs: list[EventDict]) -> None:
    async with fed() as feed:
        feed.broken = StateDirError("ledger.db: broken")
        _, pipeline = await feed.hear("cam1")
        await feed.sleep.asked(LOOK)
        (said,) = heard(logs, "old states of senders not forgotten")
        assert said["reason"] == "ledger.db: broken"
        assert pipeline.runs
        await feed.stop()


async def test_frames_of_a_sender_whose_stream_is_down_are_lost_at_the_stop_and_counted(
    logs: list[EventDict],
) -> None:
    async with fed() as feed:
        feed.senders.appear(FakeSender("cam1", "a", "b"))
        await feed.fail_for_good("demo.cam1")
        await feed.fanout.drain(1000.0)
        with pytest.raises(SourceError):
            await feed.running
        event = "frames of a feed are lost: the stream of their sender did not run"
        (said,) = heard(logs, event)
        assert (said["named"], said["frames"]) == ("demo.cam1", 2)
        assert feed.fanout.counters.lost == 2


async def test_a_stop_does_not_wait_longer_than_it_may_for_receivers_of_all() -> None:
    class Slow(ListSink):
        async def close(self) -> None:
            self.tally.add("closing")
            await asyncio.Event().wait()

    async with fed() as feed:
        output = Slow()
        feed.fanout._shared = [output]
        await feed.hear("cam1")
        patient = asyncio.create_task(feed.fanout.drain(1000.0))
        await output.tally.reached("closing")
        assert not patient.done()
        await feed.fanout.drain(0.01)
        await patient
        await feed.running


async def test_a_second_stop_gives_no_stream_more_time() -> None:
    async with fed() as feed:
        _, pipeline = await feed.hear("cam1")
        pipeline.deaf = True
        first = asyncio.create_task(feed.fanout.drain(10.0))
        await pipeline.tally.reached("drain")
        second = asyncio.create_task(feed.fanout.drain(1000.0))
        await pipeline.tally.reached("drain", 2)
        assert max(pipeline.drained) <= 10.0
        pipeline.end()
        await asyncio.gather(first, second, feed.running)


async def test_counts_are_those_of_all_streams_together_over_restarts() -> None:
    async with fed() as feed:
        _, one = await feed.hear("cam1")
        _, other = await feed.hear("cam2")
        one.counters.done, other.counters.done = 3, 4
        one.counters.failed["Refused"] += 1
        one.backlog, other.backlog = 5, 6
        other.counters.stalled_since = 9.0
        feed.senders.arrived = 19
        assert feed.fanout.counters.done == 7
        assert feed.fanout.counters.stalled_since == 9.0
        assert (feed.fanout.arrived, feed.fanout.backlog) == (19, 11)
        one.fail(FAILURE)
        await feed.sleep.wake(1.0)
        (await feed.made.running("demo.cam1", 2)).counters.done = 2
        assert feed.fanout.counters.done == 9
        assert feed.fanout.counters.failed == {"Refused": 1}
        await feed.stop()
        assert feed.fanout.counters.done == 9
        assert feed.fanout.backlog == 0


async def test_real_pipelines_finish_what_their_senders_were_accepted(make: Make) -> None:
    sinks: dict[str, ListSink] = {}
    hold = Gate()

    async def made(name: str, sender: Sender) -> Pipeline:
        sinks[name] = ListSink()
        processor = FakeProcessor(hold=hold)
        return make(
            sender,
            sinks[name],
            stream=name,
            processor=processor,
            ledger=FakeLedger(),
        )

    async with fed(made) as feed:
        senders = [feed.senders.appear(FakeSender(name, *"abc")) for name in ("x", "y")]
        for sender in senders:
            await sender.tally.reached("taken")
        stopping = asyncio.create_task(feed.fanout.drain(1000.0))
        await feed.senders.tally.reached("stop")
        hold.open()
        await stopping
        await feed.running
    for sender in senders:
        assert sender.verdicts == {name: [Verdict.DONE] for name in "abc"}
    assert sinks["demo.x"].names == ["00000001", "00000002", "00000003"]
    assert feed.fanout.counters.done == 6


def test_the_stream_of_a_sender_is_named_after_both() -> None:
    assert name_of("demo", "cam1") == "demo.cam1"
    assert len(name_of("s" * 31, "c" * 32)) == 64
    assert "-" not in name_of("s" * 31, "c" * 32)


def test_the_streams_of_all_senders_begin_alike_unless_the_name_is_long() -> None:
    for name in ("demo", "s" * 54):
        prefix = prefix_of(name)
        assert prefix is not None
        assert all(name_of(name, "c" * n).startswith(prefix) for n in range(1, 65))
    assert prefix_of("s" * 55) is None


def test_a_long_name_is_cut_and_stays_apart_from_others() -> None:
    names = {name_of("s" * 60, f"camera{number}") for number in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"s{55}-[0-9a-f]{8}", name) for name in names)
