"""Feeds on real sockets: plain REQ, PUSH and PUB peers, and unmodified cameras."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from structlog.testing import capture_logs

from cameras import cameras
from feeds import context, finish, imagezmq, options, published, rest_of, value_of
from sockets import peer
from srstream.ports import Packet, Sender, Verdict
from srstream.sources import ZmqSenders, ZmqSource
from srstream.sources.zmq_options import ZmqOptions
from watched import until

pytestmark = pytest.mark.integration

LARGE = (1000, 700)
"""A frame of 2.1 MB."""


@asynccontextmanager
async def feed(
    settings: ZmqOptions,
) -> AsyncIterator[tuple[ZmqSource, AsyncIterator[Packet]]]:
    told = replace(context(), tell=lambda item: json.dumps({"seq": item.frame.id.seq}))
    source = ZmqSource(settings, told)
    async with asyncio.timeout(40), source.open() as packets:
        yield source, packets


def ask(socket: zmq.Socket[bytes], parts: Sequence[bytes]) -> bytes:
    """Send a frame and wait for the reply; blocks."""
    socket.send_multipart(parts)
    return socket.recv()


async def asks(socket: zmq.Socket[bytes], parts: Sequence[bytes]) -> bytes:
    return await asyncio.to_thread(ask, socket, parts)


async def test_tcp_and_ipc_senders_at_several_endpoints_feed_one_stream(
    tmp_path: Path,
) -> None:
    where = ("tcp://127.0.0.1:*", f"ipc://{tmp_path}/in.sock", "tcp://127.0.0.1:*")
    async with feed(options(endpoints=where)) as (source, packets):
        assert len(set(source.endpoints)) == 3
        for value, endpoint in enumerate(source.endpoints):
            with peer(zmq.REQ, endpoint) as socket:
                assert await asks(socket, imagezmq(value)) == b"OK"
            assert await finish(await anext(packets)) == value


async def test_where_another_listens_already_it_is_said() -> None:
    async with feed(options()) as (source, _):
        other = ZmqSource(options(endpoints=source.endpoints), context())
        with pytest.raises(OSError, match="another process listens there"):
            async with other.open():
                pass


async def test_an_unmodified_req_camera_has_its_frames_accepted_raw_and_jpeg() -> None:
    async with feed(options()) as (source, packets), cameras() as camera:
        await camera.do("imagezmq", endpoint=source.endpoints[0], asks=True)
        assert await camera.do("send_plain", name="door") == "OK"
        packet = await anext(packets)
        assert packet.source == "door"
        assert packet.read().pixels[0, 0].tolist() == [220, 120, 30]  # as RGB
        await packet.done(Verdict.DONE)
        assert await camera.do("send_jpeg", name="door") == "OK"
        assert (await anext(packets)).read().pixels.shape == (16, 16, 3)


async def test_an_unmodified_camera_is_answered_with_statistics() -> None:
    async with (
        feed(options(reply="stats")) as (source, packets),
        cameras() as camera,
    ):
        await camera.do("imagezmq", endpoint=source.endpoints[0], asks=True)
        assert await camera.do("send_plain", name="door") == "{}"
        source.published(published(await anext(packets), 17))
        assert await camera.do("send_plain", name="door") == '{"seq": 17}'


@pytest.mark.parametrize("jpeg", [False, True])
@pytest.mark.parametrize("pattern", [0, 1, 2])
async def test_netgear_comes_in_by_all_its_patterns_and_says_goodbye(
    pattern: int, *, jpeg: bool
) -> None:
    kind = ("pair", "rep", "sub")[pattern]
    settings = options(pattern=kind, overload="block")
    async with feed(settings) as (source, packets), cameras() as camera:
        port = int(source.endpoints[0].rpartition(":")[2])
        await camera.do("netgear", port=port, pattern=pattern, jpeg=jpeg)
        waiting = asyncio.ensure_future(anext(packets))
        while not waiting.done():  # a publisher does not know who listens
            await camera.do("send_plain", name="")
            await asyncio.wait({waiting}, timeout=0.05)
        packet = await waiting
        assert packet.source == "feed"
        assert packet.read().pixels.shape == (16, 16, 3)
        before = asyncio.get_running_loop().time()
        await camera.do("close")
        # Without a reply it waits 0.8 s.
        assert asyncio.get_running_loop().time() - before < 0.7


async def test_two_publishers_are_followed_where_it_connects_to_them(
    tmp_path: Path,
) -> None:
    where = [f"ipc://{tmp_path}/{name}.sock" for name in ("left", "right")]
    settings = options(endpoints=tuple(where), pattern="sub", connect=True)
    async with (
        feed(settings) as (_, packets),
        cameras() as left,
        cameras() as right,
    ):
        seen: set[str] = set()
        for camera, endpoint in ((left, where[0]), (right, where[1])):
            await camera.do("imagezmq", endpoint=endpoint, asks=False)
        while seen != {"left", "right"}:
            await left.do("send_plain", name="left")
            await right.do("send_plain", name="right")
            try:
                async with asyncio.timeout(0.05):
                    packet = await anext(packets)
            except TimeoutError:
                continue
            seen.add(packet.source)
            await packet.done(Verdict.DONE)


async def test_a_thousand_pushed_frames_all_come_in_their_order() -> None:
    settings = options(pattern="pull", queue_mb=1)
    async with feed(settings) as (source, packets):
        with peer(zmq.PUSH, source.endpoints[0]) as socket:

            def push() -> None:
                for number in range(1000):
                    socket.send_multipart(imagezmq(number % 256))

            pushing = asyncio.create_task(asyncio.to_thread(push))
            for number in range(1000):
                assert await finish(await anext(packets)) == number % 256
            await pushing


async def test_the_reply_is_held_back_only_while_the_queue_is_full() -> None:
    async with feed(options(queue_mb=4)) as (source, packets):
        with ExitStack() as stack:
            sockets = [
                stack.enter_context(peer(zmq.REQ, source.endpoints[0])) for _ in range(3)
            ]
            replies = {
                asyncio.create_task(asks(socket, imagezmq(n, size=LARGE)))
                for n, socket in enumerate(sockets)
            }
            done, waiting = await asyncio.wait(replies, return_when="FIRST_COMPLETED")
            assert len(done) == 1
            _, waiting = await asyncio.wait(waiting, timeout=0.2)
            assert len(waiting) == 2
            values = {await finish(await anext(packets))}
            done, waiting = await asyncio.wait(waiting, return_when="FIRST_COMPLETED")
            assert len(waiting) == 1
            values |= {await finish(await anext(packets)) for _ in range(2)}
            assert await waiting.pop() == b"OK"
            assert values == {0, 1, 2}


async def test_two_senders_take_turns_however_fast_one_is() -> None:
    async with feed(options(queue_mb=1)) as (source, packets):
        endpoint = source.endpoints[0]
        count: Counter[str] = Counter()
        with ExitStack() as stack:
            over = threading.Event()

            def sends(name: str) -> None:
                socket = stack.enter_context(peer(zmq.REQ, endpoint))
                while not over.is_set():
                    ask(socket, imagezmq(0, sender=name, size=LARGE))

            # Three of one and one of the other: each connection has the same share.
            names = ("many", "many", "many", "one")
            senders = [asyncio.create_task(asyncio.to_thread(sends, n)) for n in names]
            while count.total() < 60:
                packet = await anext(packets)
                # It may begin long after the others, where there is much else to do.
                if packet.source == "one" or count["one"]:
                    count[packet.source] += 1
                await packet.done(Verdict.DONE)
            over.set()
            source.stop()
            await rest_of(packets)
            await asyncio.gather(*senders)
        assert 10 <= count["one"] <= 20


async def test_of_a_publisher_that_is_too_fast_the_latest_is_taken_and_gaps_told() -> None:
    settings = options(pattern="sub")
    async with feed(settings) as (source, packets):
        with peer(zmq.PUB, source.endpoints[0]) as socket:
            while not source.arrived:  # until it has subscribed
                socket.send_multipart(imagezmq(0))
                await asyncio.sleep(0.005)
            for value in range(1, 101):
                before = source.arrived
                socket.send_multipart(imagezmq(value))
                await until(lambda before=before: source.arrived > before)
            packet = await anext(packets)
            assert value_of(packet) == 100
            assert packet.skipped == source.arrived - 1


async def test_hostile_messages_cost_the_sender_beside_them_nothing() -> None:
    hostile = (
        [b"\x00" * 70_000, b"x"],
        [b"[" * 60_000, b"x"],
        [b'{"msg": "x", "dtype": "object", "shape": [1]}', b"x"],
        [b'{"msg": "x", "dtype": "uint8", "shape": [1000000, 1000000]}', b"x"],
        [b'{"srstream": 99}', b"x"],
        [b"x"] * 30,
        [b""],
    )
    over = threading.Event()
    with capture_logs() as logs:
        async with feed(options()) as (source, packets):

            def attack() -> int:
                number = 0
                with peer(zmq.REQ, source.endpoints[0]) as socket:
                    while not over.is_set():
                        reply = ask(socket, hostile[number % len(hostile)])
                        assert reply.startswith(b"refused: ")
                        number += 1
                return number

            attacking = asyncio.create_task(asyncio.to_thread(attack))
            with peer(zmq.REQ, source.endpoints[0]) as socket:
                for value in range(100):
                    assert await asks(socket, imagezmq(value)) == b"OK"
                    assert await finish(await anext(packets)) == value
            over.set()
            number = await attacking
    assert number > len(hostile)
    [closed] = [log for log in logs if log["event"] == "feed closed"]
    assert (closed["accepted"], sum(closed["refused"].values())) == (100, number)
    said = [log for log in logs if log["event"] == "message refused"]
    assert 3 <= len(said) <= len(hostile)
    assert {log["peer"] for log in said} == {"127.0.0.1"}


async def test_a_camera_that_is_killed_harms_nobody() -> None:
    async with feed(options()) as (source, packets):
        async with cameras() as camera:
            await camera.do("imagezmq", endpoint=source.endpoints[0], asks=True)
            await camera.do("send_plain", name="door")
        await finish(await anext(packets))
        with peer(zmq.REQ, source.endpoints[0]) as socket:
            socket.send_multipart(imagezmq(1))
        with peer(zmq.REQ, source.endpoints[0]) as socket:
            assert await asks(socket, imagezmq(2)) == b"OK"
            while await finish(await anext(packets)) != 2:
                pass


async def test_a_stop_answers_what_is_queued_and_keeps_it() -> None:
    async with feed(options(queue_mb=1)) as (source, packets):
        with ExitStack() as stack:
            sockets = [
                stack.enter_context(peer(zmq.REQ, source.endpoints[0])) for _ in range(2)
            ]
            replies = [
                asyncio.create_task(asks(socket, imagezmq(n, size=LARGE)))
                for n, socket in enumerate(sockets)
            ]
            await asyncio.wait(replies, return_when="FIRST_COMPLETED")
            source.stop()
            answers = await asyncio.gather(*replies)
        got = await rest_of(packets)
    assert sorted(answers) in ([b"OK", b"OK"], [b"OK", b"refused: stopping"])
    assert len(got) == answers.count(b"OK")


async def test_cameras_have_a_stream_each_and_a_slow_one_holds_up_only_itself() -> None:
    settings = options(streams="per-sender", queue_mb=8)
    senders = ZmqSenders(settings, context())
    async with (
        asyncio.timeout(40),
        senders.open() as new,
        cameras() as left,
        cameras() as right,
    ):
        for camera, name in ((left, "left"), (right, "../right")):
            await camera.do("imagezmq", endpoint=senders.endpoints[0], asks=True)
            assert await camera.do("send_plain", name=name) == "OK"
        by_id: dict[str, Sender] = {}
        for _ in range(2):
            sender = await anext(new)
            by_id[sender.id] = sender
        assert {each.split("-")[0] for each in by_id} == {"left", "__right"}
        with peer(zmq.REQ, senders.endpoints[0]) as slow:
            waiting = [
                asyncio.create_task(asks(slow, imagezmq(1, sender="slow", size=LARGE)))
            ]
            assert (await anext(new)).id == "slow"
            await waiting[0]
            waiting.append(
                asyncio.create_task(asks(slow, imagezmq(2, sender="slow", size=LARGE)))
            )
            async with by_id["left"].open() as packets:
                for _ in range(20):
                    assert await left.do("send_plain", name="left") == "OK"
                    await (await anext(packets)).done(Verdict.DONE)
            assert not waiting[1].done()
            senders.stop()
            assert await waiting[1] == b"OK"
        assert [sender async for sender in new] == []
