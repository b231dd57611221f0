"""A feed of one stream, on a channel without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from fakes import FakeClock
from feeds import (
    GOODBYE,
    NO_JPEG,
    FakeChannel,
    calm,
    context,
    finish,
    imagezmq,
    netgear,
    options,
    published,
    rest_of,
    value_of,
)
from srstream.errors import LinkError, Refused, SourceError
from srstream.ports import Feed, Packet, Sender, Verdict
from srstream.sources import SOURCES, ZmqOptions, ZmqSource
from srstream.transport.channel import STOPPING


class Rig:
    """A source, and the channel it listens to."""

    def __init__(self, **changed: object) -> None:
        self.channel = FakeChannel()
        self.clock = FakeClock(100.0)
        self.context = context(self.clock)
        self.options = options(**changed)
        self.source: ZmqSource

    def telling(self) -> Rig:
        self.context = replace(
            self.context, tell=lambda item: f'{{"seq":{item.frame.id.seq}}}'
        )
        return self

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        self.source = ZmqSource(self.options, self.context, open_channel=self.channel.open)
        async with asyncio.timeout(20), self.source.open() as packets:
            yield packets

    def send(
        self, *values: int, sender: bytes = b"A", size: tuple[int, int] = (4, 3)
    ) -> None:
        for value in values:
            self.channel.put(imagezmq(value, size=size), sender=sender, peer="10.0.0.9")


def test_the_table_of_sources_makes_it_a_feed_that_is_no_sender() -> None:
    entry = SOURCES["zmq"]
    assert entry.options is ZmqOptions
    source = entry.make(options(), context())
    assert isinstance(source, Feed)
    assert not isinstance(source, Sender)


async def test_frames_leave_in_the_order_in_which_they_were_accepted() -> None:
    rig = Rig()
    async with rig.open() as packets:
        for value in range(10):
            rig.send(value, sender=b"AB"[value % 2 :][:1])
        assert [await finish(await anext(packets)) for _ in range(10)] == list(range(10))
        assert rig.source.arrived == 10
        assert rig.source.backlog == 0


async def test_a_packet_tells_who_sent_it_and_has_no_name_of_its_own() -> None:
    rig = Rig()
    async with rig.open() as packets:
        rig.channel.put(imagezmq(7, sender="door"), sender=b"A")
        packet = await anext(packets)
        assert (packet.source, packet.name, packet.skipped) == ("door", None, 0)
        assert packet.offered == 100.0
        assert packet.origin is not None
        assert packet.origin.sender == "door"
        await finish(packet)
        rig.channel.put(netgear(8), sender=b"A")
        packet = await anext(packets)
        assert packet.source == "feed"
        assert await finish(packet) == 8


async def test_a_sender_is_answered_when_its_frame_is_accepted_not_when_it_is_done() -> (
    None
):
    rig = Rig()
    async with rig.open():
        rig.send(1)
        await calm()
        assert rig.channel.replies == [(b"A", b"OK")]


async def test_the_reply_is_held_back_while_the_queue_is_full_and_only_then() -> None:
    rig = Rig(queue_mb=4)
    async with rig.open() as packets:
        for number, sender in enumerate((b"A", b"B", b"C")):
            rig.send(number, sender=sender, size=(1000, 700))
        await calm()
        assert [to for to, _ in rig.channel.replies] == [b"A"]
        assert rig.channel.queued == 1  # what waits for its reply counts as well
        assert await finish(await anext(packets)) == 0
        await calm()
        assert [to for to, _ in rig.channel.replies] == [b"A", b"B"]
        assert await finish(await anext(packets)) == 1
        await calm()
        assert [to for to, _ in rig.channel.replies] == [b"A", b"B", b"C"]
        assert await finish(await anext(packets)) == 2


async def test_with_latest_everybody_is_answered_at_once_and_gaps_are_told() -> None:
    rig = Rig(overload="latest")
    async with rig.open() as packets:
        rig.send(0, 1, 2)
        await calm()
        assert len(rig.channel.replies) == 3
        packet = await anext(packets)
        assert (packet.skipped, await finish(packet)) == (2, 2)
        rig.send(3)
        packet = await anext(packets)
        assert (packet.skipped, await finish(packet)) == (0, 3)


async def test_of_latest_few_are_out_so_that_they_do_not_become_old_on_the_way() -> None:
    rig = Rig(overload="latest")
    async with rig.open() as packets:
        out = []
        for value in range(2):
            rig.send(value)
            out.append(await anext(packets))
        rig.send(2)
        third = asyncio.ensure_future(anext(packets))
        await calm()
        rig.send(3)
        await calm()
        assert not third.done()
        await finish(out[0])
        packet = await third
        assert (packet.skipped, value_of(packet)) == (1, 3)


async def test_a_gap_before_a_frame_that_is_no_picture_stands_before_the_next() -> None:
    rig = Rig(overload="latest")
    async with rig.open() as packets:
        rig.send(0)
        rig.channel.put(NO_JPEG, sender=b"A", peer="10.0.0.9")
        await calm()
        packet = await anext(packets)
        assert packet.skipped == 1
        with pytest.raises(Refused):
            packet.read()
        await packet.done(Verdict.FAILED)
        rig.send(2)
        packet = await anext(packets)
        assert (packet.skipped, await finish(packet)) == (1, 2)


async def test_statistics_are_the_reply_where_that_is_wanted() -> None:
    rig = Rig(reply="stats").telling()
    async with rig.open() as packets:
        rig.send(1)
        packet = await anext(packets)
        rig.source.published(published(packet, 7))
        await finish(packet)
        rig.send(2)
        await finish(await anext(packets))
    assert rig.channel.replies == [(b"A", b"{}"), (b"A", b'{"seq":7}')]


async def test_what_is_refused_is_answered_and_counted_and_the_others_lose_nothing() -> (
    None
):
    rig = Rig()
    hostile = ([b"{"], [b'{"msg": 1, "dtype": "O", "shape": [1]}', b"x"], [], [b""] * 5)
    with capture_logs() as logs:
        async with rig.open() as packets:
            for value in range(40):
                rig.send(value)
                rig.channel.put(hostile[value % 4], sender=b"X", peer="10.6.6.6")
            got = [await finish(await anext(packets)) for _ in range(40)]
            await calm()
    assert got == list(range(40))
    to_good = [reply for to, reply in rig.channel.replies if to == b"A"]
    to_bad = [reply for to, reply in rig.channel.replies if to == b"X"]
    assert to_good == [b"OK"] * 40
    assert len(to_bad) == 40
    assert all(reply.startswith(b"refused: ") for reply in to_bad)
    said = [log for log in logs if log["event"] == "message refused"]
    assert len(said) == len({log["reason"] for log in said})
    assert {log["peer"] for log in said} == {"10.6.6.6"}
    [closed] = [log for log in logs if log["event"] == "feed closed"]
    assert closed["accepted"] == 40
    assert sum(closed["refused"].values()) == 40


async def test_what_turns_out_to_be_no_picture_is_counted_with_its_peer() -> None:
    rig = Rig()
    with capture_logs() as logs:
        async with rig.open() as packets:
            rig.channel.put(NO_JPEG, sender=b"A", peer="10.6.6.6")
            packet = await anext(packets)
            with pytest.raises(Refused):
                packet.read()
            await packet.done(Verdict.FAILED)
    [said] = [log for log in logs if log["event"] == "message refused"]
    assert (said["peer"], said["sender"]) == ("10.6.6.6", "cam")
    assert sum(logs[-1]["refused"].values()) == 1


async def test_a_sender_that_is_gone_before_its_reply_harms_nobody() -> None:
    rig = Rig()
    rig.channel.gone.add(b"X")
    async with rig.open() as packets:
        rig.send(1, sender=b"X")
        rig.send(2)
        assert [await finish(await anext(packets)) for _ in range(2)] == [1, 2]
    assert rig.channel.replies == [(b"A", b"OK")]


async def test_a_goodbye_is_answered_and_is_no_frame() -> None:
    rig = Rig()
    async with rig.open():
        rig.channel.put(GOODBYE, sender=b"A")
        await calm()
        assert rig.channel.replies == [(b"A", b"OK")]
        assert rig.source.arrived == 0


async def test_on_a_pair_netgear_alone_is_answered() -> None:
    rig = Rig(pattern="pair")
    async with rig.open():
        for parts in (
            imagezmq(1),
            netgear(2),
            netgear(3, dtype="float64"),
            [b"{"],
            GOODBYE,
        ):
            rig.channel.put(parts)
        await calm()
    assert [reply for _, reply in rig.channel.replies][:1] == [b"OK"]
    assert rig.channel.replies[1][1].startswith(b"refused: dtype")
    assert [reply for _, reply in rig.channel.replies][2:] == [b"OK"]


@pytest.mark.parametrize("pattern", ["pull", "sub"])
async def test_nobody_is_answered_who_does_not_wait(pattern: str) -> None:
    rig = Rig(pattern=pattern, overload="block")
    async with rig.open() as packets:
        for parts in (imagezmq(1), [b"{"], GOODBYE, imagezmq(2)):
            rig.channel.put(parts)
        assert [await finish(await anext(packets)) for _ in range(2)] == [1, 2]
    assert rig.channel.replies == []


async def test_a_stop_accepts_and_answers_what_is_queued_and_then_closes() -> None:
    rig = Rig()
    async with rig.open() as packets:
        await calm()
        for number, sender in enumerate((b"A", b"B", b"C")):
            rig.send(number, sender=sender)
        rig.source.stop()
        assert await rest_of(packets) == [0, 1, 2]
        assert rig.channel.closed_after == 3


async def test_a_stop_answers_those_who_were_held_back() -> None:
    rig = Rig(queue_mb=4)
    async with rig.open() as packets:
        for number, sender in enumerate((b"A", b"B", b"C")):
            rig.send(number, sender=sender, size=(1000, 700))
        await calm()
        rig.source.stop()
        assert await rest_of(packets) == [0, 1, 2]
    assert rig.channel.replies == [(b"A", b"OK"), (b"B", b"OK"), (b"C", b"OK")]


async def test_a_stop_answers_nobody_before_all_active_senders_have_come() -> None:
    rig = Rig()
    async with rig.open() as packets:
        for sender in (b"A", b"B"):
            rig.send(0, sender=sender)
        await calm()
        rig.send(1, sender=b"A")
        rig.source.stop()
        await calm()
        assert len(rig.channel.replies) == 2  # of the first two
        rig.send(2, sender=b"B")
        assert await rest_of(packets) == [0, 0, 1, 2]
        assert rig.channel.closed_after == 4


async def test_a_fast_sender_does_not_keep_a_stop_from_ending() -> None:
    rig = Rig(pattern="pull")
    async with rig.open() as packets:

        async def flood() -> None:
            while not rig.channel.closed.is_set():
                if not rig.channel.queued:
                    rig.send(5, sender=b"")
                await asyncio.sleep(0)

        flooding = asyncio.create_task(flood())
        await calm()
        rig.source.stop()
        assert set(await rest_of(packets)) == {5}
        await flooding


async def test_a_stop_does_not_take_more_than_twice_the_queue_and_says_so() -> None:
    rig = Rig(queue_mb=1)
    async with rig.open() as packets:
        for number, sender in enumerate((b"A", b"B", b"C", b"D")):
            rig.send(number, sender=sender, size=(700, 400))  # 0.84 MB
        await calm()
        rig.source.stop()
        await rig.channel.closed.wait()
        assert await rest_of(packets) == [0, 1, 2]
    assert sorted(rig.channel.replies) == [
        (b"A", b"OK"),
        (b"B", b"OK"),
        (b"C", b"OK"),
        (b"D", STOPPING),
    ]


async def test_what_is_left_after_a_stop_is_lost_and_said() -> None:
    rig = Rig()
    with capture_logs() as logs:
        async with rig.open() as packets:
            rig.send(1, 2, 3)
            await calm()
            packet = await anext(packets)
            rig.source.stop()
            await packet.done(Verdict.RETURNED)
    [lost] = [log for log in logs if "lost" in log["event"]]
    assert (lost["event"], lost["frames"]) == ("accepted frames lost at the stop", 2)


async def test_after_a_failure_it_is_opened_again_and_goes_on_with_what_waits() -> None:
    rig = Rig()
    with capture_logs() as logs:
        async with rig.open() as packets:
            rig.send(1, 2, 3)
            await calm()
            await (await anext(packets)).done(Verdict.RETURNED)
        async with rig.source.open() as packets:
            assert [await finish(await anext(packets)) for _ in range(2)] == [2, 3]
            rig.send(4)
            assert await finish(await anext(packets)) == 4
    assert rig.channel.opened == 2
    [said] = [log for log in logs if log["event"] == "accepted frames wait"]
    assert said["frames"] == 2


async def test_when_its_stream_fails_senders_are_told_and_do_not_wait_for_ever() -> None:
    rig = Rig(queue_mb=1)
    async with rig.open():
        for number, sender in enumerate((b"A", b"B", b"C")):
            rig.send(number, sender=sender, size=(1000, 700))
        await calm()
    assert sorted(rig.channel.replies) == [
        (b"A", b"OK"),
        (b"B", b"refused: stopping"),
        (b"C", b"refused: stopping"),
    ]
    assert rig.source.backlog == 1


async def test_once_stopped_it_does_not_listen_again() -> None:
    rig = Rig()
    async with rig.open() as packets:
        rig.source.stop()
        assert await rest_of(packets) == []
    async with rig.source.open() as packets:
        assert await rest_of(packets) == []
    assert rig.channel.opened == 1


async def test_a_wait_that_is_cancelled_loses_no_packet() -> None:
    rig = Rig()
    async with rig.open() as packets:
        waiting = asyncio.ensure_future(anext(packets))
        await calm()
        waiting.cancel()
        rig.send(1)
        await calm()
        assert await finish(await anext(packets)) == 1


async def test_where_there_is_nothing_to_listen_to_the_remedy_is_told() -> None:
    @asynccontextmanager
    async def in_use() -> AsyncIterator[FakeChannel]:
        raise LinkError("cannot bind tcp://127.0.0.1:5555: name another port")
        yield FakeChannel()

    source = ZmqSource(options(), context(), open_channel=in_use)
    with pytest.raises(SourceError, match="name another port"):
        async with source.open():
            pass


async def test_a_failure_of_the_channel_is_raised_after_what_was_accepted() -> None:
    rig = Rig()
    got = []

    async def work() -> None:
        async with rig.open() as packets:
            rig.send(1)
            await calm()
            rig.channel.fail(LinkError("the relay died too often"))
            await calm()
            got.append(await finish(await anext(packets)))
            await anext(packets)

    with pytest.raises(SourceError, match="relay"):
        await work()
    assert got == [1]


async def test_it_tells_where_it_listens_and_who_is_there() -> None:
    rig = Rig()
    with capture_logs() as logs:
        async with rig.open() as packets:
            rig.send(1, 2)
            await finish(await anext(packets))
            assert rig.source.endpoints == ("tcp://127.0.0.1:5555",)
    [where] = [log for log in logs if log["event"] == "listening"]
    assert (where["endpoints"], where["pattern"]) == (("tcp://127.0.0.1:5555",), "rep")
    [who] = [log for log in logs if log["event"] == "new sender"]
    assert (who["sender"], who["peer"], who["stream"]) == ("cam", "10.0.0.9", "demo")
