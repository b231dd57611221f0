"""A stream for each sender, on a channel without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from fakes import FakeClock
from feeds import FakeChannel, calm, context, finish, imagezmq, options, rest_of
from srstream.errors import LinkError, SourceError
from srstream.ports import Feed, Sender
from srstream.sources import ZmqSenders

LARGE = (1000, 700)
"""A frame of 2.1 MB."""


class Rig:
    def __init__(self, **changed: object) -> None:
        self.channel = FakeChannel()
        self.clock = FakeClock(100.0)
        self.senders = ZmqSenders(
            options(streams="per-sender", **changed),
            context(self.clock),
            open_channel=self.channel.open,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Sender]]:
        async with asyncio.timeout(20), self.senders.open() as senders:
            yield senders

    def send(
        self, name: str, *values: int, by: bytes = b"", size: tuple[int, int] = (4, 3)
    ) -> None:
        for value in values:
            parts = imagezmq(value, sender=name, size=size)
            self.channel.put(parts, sender=by or name.encode())

    @property
    def answered(self) -> list[bytes]:
        return [to for to, reply in self.channel.replies if reply == b"OK"]

    @property
    def refused(self) -> list[bytes]:
        return [reply for _, reply in self.channel.replies if reply != b"OK"]


async def test_each_sender_has_its_own_frames_in_their_order() -> None:
    rig = Rig()
    async with rig.open() as senders:
        for value in range(3):
            rig.send("left", value)
            rig.send("right", 10 + value)
        left, right = await anext(senders), await anext(senders)
        assert isinstance(left, Sender)
        assert isinstance(left, Feed)
        assert (left.id, right.id) == ("left", "right")
        rig.senders.stop()
        async with right.open() as packets:
            assert await rest_of(packets) == [10, 11, 12]
        async with left.open() as packets:
            assert await rest_of(packets) == [0, 1, 2]
        assert (left.arrived, rig.senders.arrived) == (3, 6)
        assert [sender async for sender in senders] == []


async def test_a_slow_sender_does_not_hold_up_the_others() -> None:
    rig = Rig(queue_mb=8)
    async with rig.open() as senders:
        rig.send("fast", 0)
        fast = await anext(senders)
        for number in range(3):  # of these one is accepted beyond the first
            rig.send("slow", number, by=b"slow %d" % number, size=LARGE)
        await calm()
        assert rig.answered == [b"fast", b"slow 0"]
        for value in range(1, 20):
            rig.send("fast", value)
        await calm()
        async with fast.open() as packets:
            assert [await finish(await anext(packets)) for _ in range(20)] == [*range(20)]
        await calm()
        assert rig.answered.count(b"fast") == 20
        assert rig.answered.count(b"slow 1") == 0


async def test_a_reply_that_was_held_back_goes_out_as_soon_as_there_is_a_place() -> None:
    rig = Rig(queue_mb=4)
    async with rig.open() as senders:
        rig.send("other", 0)
        rig.send("slow", 1, by=b"1", size=LARGE)
        rig.send("slow", 2, by=b"2", size=LARGE)
        await calm()
        assert rig.answered == [b"other", b"1"]
        await anext(senders)
        slow = await anext(senders)
        async with slow.open() as packets:
            await finish(await anext(packets))
            await calm()
            assert rig.answered == [b"other", b"1", b"2"]


async def test_who_does_not_wait_for_its_reply_does_not_fill_the_queue() -> None:
    rig = Rig(queue_mb=8)
    async with rig.open():
        rig.send("other", 0)
        for number in range(5):
            rig.send("flood", number, by=b"same", size=LARGE)
        await calm()
        assert rig.answered == [b"other", b"same"]
        assert rig.refused == [b"refused: sender does not wait for its reply"] * 3


async def test_beyond_their_number_senders_are_refused_until_one_is_retired() -> None:
    rig = Rig(max_senders=1)
    async with rig.open() as senders:
        rig.send("a", 1)
        a = await anext(senders)
        rig.send("b", 2)
        await calm()
        assert rig.refused == [b"refused: too many senders"]
        assert not a.retire()  # its frame waits
        async with a.open() as packets:
            packet = await anext(packets)
            assert not a.retire()  # it is in hand
            await finish(packet)
            assert a.retire()
            assert await rest_of(packets) == []
        rig.send("b", 3)
        assert (await anext(senders)).id == "b"


async def test_a_sender_is_idle_from_the_moment_nothing_of_it_is_there() -> None:
    rig = Rig()
    async with rig.open() as senders:
        rig.send("a", 1)
        a = await anext(senders)
        rig.clock.advance(50.0)
        assert a.idle_for() == 0.0
        async with a.open() as packets:
            packet = await anext(packets)
            rig.clock.advance(50.0)
            assert a.idle_for() == 0.0
            await finish(packet)
            rig.clock.advance(7.0)
            assert a.idle_for() == 7.0
            rig.send("a", 2)
            await calm()
            assert a.idle_for() == 0.0


async def test_a_sender_that_comes_back_while_it_is_retired_has_a_new_stream() -> None:
    rig = Rig()
    async with rig.open() as senders:
        rig.send("a", 1)
        old = await anext(senders)
        async with old.open() as packets:
            await finish(await anext(packets))
            assert old.retire()
            rig.send("a", 2)
            new = await anext(senders)
            assert new.id == "a"
            assert new is not old
            old.stop()
            assert old.retire()
            assert await rest_of(packets) == []
        async with new.open() as packets:
            assert await finish(await anext(packets)) == 2


async def test_a_name_that_changes_with_every_frame_makes_few_streams() -> None:
    rig = Rig()
    async with rig.open() as senders:
        for number in range(100):
            rig.send(f"../{number}", number % 256, by=b"evil")
        await calm(1000)
        rig.senders.stop()
        ids = [sender.id async for sender in senders]
        assert len(ids) == 4
        assert all("/" not in each for each in ids)
        assert rig.refused == [b"refused: new sender must send again"] * 96


async def test_a_stream_that_failed_goes_on_with_what_waits() -> None:
    rig = Rig()
    async with rig.open() as senders:
        rig.send("a", 1, 2)
        a = await anext(senders)
        async with a.open() as packets:
            await finish(await anext(packets))
        async with a.open() as packets:
            assert await finish(await anext(packets)) == 2


async def test_one_stream_that_is_stopped_takes_no_more_and_the_others_go_on() -> None:
    rig = Rig()
    async with rig.open() as senders:
        rig.send("a", 1)
        rig.send("b", 2)
        a, b = await anext(senders), await anext(senders)
        a.stop()
        async with a.open() as packets:
            assert await rest_of(packets) == [1]
        rig.send("a", 3)
        rig.send("b", 4)
        async with b.open() as packets:
            assert [await finish(await anext(packets)) for _ in range(2)] == [2, 4]
        assert rig.refused == [b"refused: stopping"]


@pytest.mark.parametrize("all_first", [True, False])
async def test_a_stop_of_all_accepts_what_is_queued(*, all_first: bool) -> None:
    rig = Rig()
    async with rig.open() as senders:
        rig.send("a", 1)
        a = await anext(senders)
        async with a.open() as packets:
            if all_first:
                rig.send("a", 2)
                rig.send("new", 3)
                rig.senders.stop()
                a.stop()
            else:
                a.stop()
                rig.senders.stop()
            assert await rest_of(packets) == ([1, 2] if all_first else [1])
        assert [sender async for sender in senders] == []
        assert len(rig.refused) == int(all_first)  # no new stream at a stop


async def test_what_is_left_of_a_sender_after_a_stop_is_lost_and_said() -> None:
    rig = Rig()
    with capture_logs() as logs:
        async with rig.open() as senders:
            rig.send("a", 1, 2)
            a = await anext(senders)
            async with a.open():
                await calm()
                rig.senders.stop()
                a.stop()
                assert [sender async for sender in senders] == []
    [lost] = [log for log in logs if "lost" in log["event"]]
    assert (lost["frames"], lost["sender"], lost["stream"]) == (2, "a", "demo")


async def test_a_failure_of_the_channel_ends_all() -> None:
    rig = Rig()
    got = []

    async def work() -> None:
        async with rig.open() as senders:
            rig.send("a", 1)
            a = await anext(senders)
            rig.channel.fail(LinkError("the relay died too often"))
            async with a.open() as packets:
                got.extend(await rest_of(packets))
            await anext(senders)

    with pytest.raises(SourceError, match="relay"):
        await work()
    assert got == [1]
