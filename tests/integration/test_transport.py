"""Channels on loopback, with plain sockets of ZeroMQ on the other side."""

from __future__ import annotations

import asyncio
import os
import socket as plain_sockets
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
import zmq

from sockets import LOOPBACK, local, missed, peer
from srstream.errors import LinkError
from srstream.transport.channel import MOST_PARTS, Channel, opened
from srstream.transport.endpoints import Endpoint, read_endpoint
from srstream.transport.keys import make_keys, read_public, read_secret
from srstream.transport.link import Link

pytestmark = pytest.mark.integration

LOG = structlog.get_logger()
BIG = os.urandom(300_000)


async def off(work: Callable[..., Any], *arguments: object) -> Any:
    """Do what blocks on a thread."""
    return await asyncio.to_thread(work, *arguments)


def within(seconds: float = 10.0) -> asyncio.Timeout:
    return asyncio.timeout(seconds)


@dataclass(frozen=True)
class Served:
    """A router that binds: how it is opened, and what its peers need."""

    at: Link
    keys: dict[str, bytes]

    def opened(self) -> AbstractAsyncContextManager[Channel]:
        return opened("router", self.at, hold=4, max_bytes=10**6, log=LOG)

    def peer(
        self, kind: int, hub: Channel, **options: int
    ) -> AbstractContextManager[zmq.Socket[bytes]]:
        return peer(kind, hub.endpoints[0], **self.keys, **options)

    def again(self, hub: Channel) -> Served:
        endpoints = tuple(map(read_endpoint, hub.endpoints))
        return replace(self, at=replace(self.at, endpoints=endpoints))


def with_keys(folder: Path) -> Served:
    made = make_keys(folder / "keys")
    own = read_secret(made.client_secret)
    at = replace(local(), curve_key=made.server_secret, curve_clients=made.clients)
    keys = {
        "CURVE_SERVERKEY": read_public(made.server),
        "CURVE_PUBLICKEY": own.public,
        "CURVE_SECRETKEY": own.secret,
    }
    return Served(at, keys)


@pytest.fixture(params=["direct", "relayed"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    return with_keys(tmp_path) if request.param == "direct" else Served(local(), {})


async def test_a_request_is_received_whole_and_answered(served: Served) -> None:
    async with within(), served.opened() as hub:
        with served.peer(zmq.REQ, hub) as sender:
            sender.send_multipart([b"header", BIG])
            got = await hub.receive()
            assert [bytes(part) for part in got.parts] == [b"header", BIG]
            assert got.peer == "127.0.0.1"
            assert await hub.reply(got, [b"OK"])
            assert await off(sender.recv_multipart) == [b"OK"]


async def test_the_envelope_of_a_numbered_request_comes_back_whole(served: Served) -> None:
    async with within(), served.opened() as hub:
        with served.peer(zmq.REQ, hub, REQ_CORRELATE=1, REQ_RELAXED=1) as sender:
            sender.send_multipart([b"header", b"pixels"])
            got = await hub.receive()
            assert len(got.envelope) == 3
            assert await hub.reply(got, [b"OK"])
            assert await off(sender.recv) == b"OK"


async def test_a_sender_without_an_envelope_is_answered_by_its_identity(
    served: Served,
) -> None:
    async with within(), served.opened() as hub:
        with served.peer(zmq.DEALER, hub) as sender:
            sender.send_multipart([b"header", b"pixels"])
            got = await hub.receive()
            assert len(got.envelope) == 1
            assert [bytes(part) for part in got.parts] == [b"header", b"pixels"]
            assert await hub.reply(got, [b"OK"])
            assert await off(sender.recv_multipart) == [b"OK"]


async def test_a_reply_to_a_sender_that_is_gone_harms_nothing(served: Served) -> None:
    async with within(), served.opened() as hub:
        with served.peer(zmq.REQ, hub) as sender:
            sender.send(b"frame")
            got = await hub.receive()
        for _ in range(20):
            await hub.reply(got, [b"OK"])
        with served.peer(zmq.REQ, hub) as sender:
            sender.send(b"frame")
            assert await hub.reply(await hub.receive(), [b"OK"])
            assert await off(sender.recv) == b"OK"


async def test_that_a_sender_is_gone_is_told_where_no_relay_is_between(
    tmp_path: Path,
) -> None:
    served = with_keys(tmp_path)
    async with within(), served.opened() as hub:
        with served.peer(zmq.REQ, hub) as sender:
            sender.send(b"frame")
            got = await hub.receive()
        while await hub.reply(got, [b"OK"]):  # noqa: ASYNC110 - until it is noticed
            await asyncio.sleep(0.001)


async def test_what_follows_the_last_reply_is_for_the_next_who_listens(
    served: Served,
) -> None:
    async with within(20), served.opened() as hub:
        with served.peer(zmq.REQ, hub) as sender, served.peer(zmq.REQ, hub) as other:
            both = (sender, other)
            ends = [socket.get_monitor_socket(zmq.EVENT_DISCONNECTED) for socket in both]
            for socket in both:
                socket.send(b"frame 1")
            await hub.farewell([(await hub.receive(), [b"OK"]) for _ in both])
            for socket, end in zip(both, ends, strict=True):
                assert await off(socket.recv) == b"OK"
                await off(end.recv_multipart)
                socket.send(b"frame 2")
                socket.disable_monitor()
                end.close()
            async with opened_when_free(served.again(hub)) as after:
                for _ in both:
                    assert bytes((await after.receive()).parts[0]) == b"frame 2"


async def test_a_farewell_to_a_sender_that_is_gone_is_no_matter(served: Served) -> None:
    async with within(), served.opened() as hub:
        with served.peer(zmq.REQ, hub) as sender:
            sender.send(b"frame")
            got = await hub.receive()
        await hub.farewell([(got, [b"OK"])])


@asynccontextmanager
async def opened_when_free(served: Served) -> AsyncIterator[Channel]:
    async with AsyncExitStack() as stack:
        while True:
            try:
                channel = await stack.enter_async_context(served.opened())
                break
            except LinkError:
                await asyncio.sleep(0.01)
        yield channel


async def test_a_message_of_very_many_parts_is_cut_short() -> None:
    async with (
        within(),
        opened("pull", local(), hold=4, max_bytes=10**6, log=LOG) as channel,
    ):
        with peer(zmq.PUSH, channel.endpoints[0]) as sender:
            sender.send_multipart([b"x"] * 5_000)
            sender.send(b"next")
            assert len((await channel.receive()).parts) == MOST_PARTS
            assert bytes((await channel.receive()).parts[0]) == b"next"


async def test_others_have_their_turn_while_a_message_of_very_many_parts_comes() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with opened("pull", local(), hold=2, max_bytes=10**6, log=LOG) as hub:
        with peer(zmq.PUSH, hub.endpoints[0]) as sender:
            await off(sender.send_multipart, [b"x"] * 20_000)
            await off(sender.send_multipart, [b"the next"])
            counting = asyncio.create_task(count())
            async with within():
                assert len((await hub.receive()).parts) == MOST_PARTS
                assert [bytes(part) for part in (await hub.receive()).parts] == [
                    b"the next"
                ]
            counting.cancel()
    assert turns >= 40


async def test_a_long_part_is_no_part_of_an_envelope(served: Served) -> None:
    async with served.opened() as hub:
        with served.peer(zmq.DEALER, hub) as sender:
            await off(sender.send_multipart, [b"x" * 256, b"", b"frame"])
            async with within():
                got = await hub.receive()
            assert len(got.envelope) == 1
            assert [len(part) for part in got.parts] == [256, 0, 5]
            await hub.reply(got, [b"refused"])
            assert await off(sender.recv_multipart) == [b"refused"]


async def test_waits_that_are_cancelled_lose_no_message() -> None:
    count = 300
    async with (
        within(),
        opened("pull", local(), hold=9, max_bytes=10**6, log=LOG) as channel,
    ):
        with peer(zmq.PUSH, channel.endpoints[0]) as sender:
            sending = asyncio.create_task(
                off(lambda: [sender.send(b"%d" % number) for number in range(count)])
            )
            got: list[int] = []

            async def take() -> None:
                got.append(int(bytes((await channel.receive()).parts[0])))

            turns = 0
            while len(got) < count:
                task = asyncio.create_task(take())
                for _ in range(turns % 5):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                turns += 1
            await sending
            assert got == list(range(count))


async def test_a_pair_talks_both_ways() -> None:
    async with (
        within(),
        opened("pair", local(), hold=4, max_bytes=10**6, log=LOG) as channel,
    ):
        with peer(zmq.PAIR, channel.endpoints[0]) as other:
            other.send_multipart([b"header", b"pixels"])
            got = await channel.receive()
            assert not got.envelope
            assert await channel.reply(got, [b"got it"])
            assert await off(other.recv) == b"got it"


async def test_a_subscriber_hears_its_topics_only() -> None:
    publisher = opened("pub", local(), hold=4, max_bytes=10**6, log=LOG)
    async with within(), publisher as outlet:
        follower = opened(
            "sub",
            local(*outlet.endpoints, connects=True),
            hold=4,
            max_bytes=10**6,
            log=LOG,
            topics=(b"a/", b"end"),
        )
        async with follower as inlet:
            hearing = asyncio.create_task(inlet.receive())
            while not hearing.done():
                assert await outlet.send([b"b/frame", b""])
                assert await outlet.send([b"a/frame", BIG])
                await asyncio.sleep(0.001)
            assert bytes(hearing.result().parts[0]) == b"a/frame"
            assert bytes(hearing.result().parts[1]) == BIG


async def test_who_pushes_waits_for_a_place_as_long_as_he_wants() -> None:
    async with (
        within(),
        opened("push", local(), hold=1, max_bytes=10**6, log=LOG) as channel,
    ):
        assert not await channel.send([b"nobody"], within=0.0)
        assert not await channel.send([b"nobody"], within=0.02)
        sending = asyncio.create_task(channel.send([b"somebody", BIG]))
        with peer(zmq.PULL, channel.endpoints[0]) as taker:
            assert await off(taker.recv_multipart) == [b"somebody", BIG]
            assert await sending


async def test_a_request_without_a_reply_does_not_keep_the_next_one_back() -> None:
    context = zmq.Context()
    hub = context.socket(zmq.REP)
    hub.set(zmq.RCVTIMEO, 10_000)
    port = hub.bind_to_random_port("tcp://127.0.0.1")
    asking = opened(
        "req",
        local(f"tcp://127.0.0.1:{port}", connects=True),
        hold=4,
        max_bytes=99,
        log=LOG,
    )
    async with within(), asking as channel:
        assert await channel.send([b"first"])
        assert await off(hub.recv) == b"first"
        assert await channel.send([b"second"])
        hub.send(b"reply to first")
        assert await off(hub.recv) == b"second"
        hub.send(b"reply to second")
        got = await channel.receive()
        assert [bytes(part) for part in got.parts] == [b"reply to second"]
    hub.close(0)
    context.term()


async def test_a_part_that_is_too_long_cuts_its_sender_off_and_nobody_else() -> None:
    async with (
        within(),
        opened("pull", local(), hold=4, max_bytes=1_000, log=LOG) as channel,
    ):
        with (
            peer(zmq.PUSH, channel.endpoints[0]) as bad,
            peer(zmq.PUSH, channel.endpoints[0]) as good,
        ):
            bad.send(b"x" * 10_000)
            good.send(b"x" * 1_000)
            assert len((await channel.receive()).parts[0]) == 1_000
            good.send(b"still here")
            assert bytes((await channel.receive()).parts[0]) == b"still here"


async def test_both_families_of_addresses_are_bound_at_once() -> None:
    link = local(LOOPBACK, "tcp://[::1]:*")
    async with within(), opened("pull", link, hold=4, max_bytes=99, log=LOG) as channel:
        four, six = channel.endpoints
        assert four.startswith("tcp://127.0.0.1:")
        assert six.startswith("tcp://[::1]:")
        with peer(zmq.PUSH, six, IPV6=1) as sender:
            sender.send(b"six")
            assert (await channel.receive()).peer == "::1"


async def test_a_socket_of_the_file_system_names_the_process_behind_it(
    tmp_path: Path,
) -> None:
    link = local(f"ipc://{tmp_path}/in.sock")
    async with within(), opened("pull", link, hold=4, max_bytes=99, log=LOG) as channel:
        with peer(zmq.PUSH, channel.endpoints[0]) as sender:
            sender.send(b"here")
            assert (await channel.receive()).peer == f"pid {os.getpid()}"


async def test_an_endpoint_that_is_in_use_names_the_remedy(tmp_path: Path) -> None:
    for wanted in (LOOPBACK, f"ipc://{tmp_path}/in.sock"):
        async with opened("pull", local(wanted), hold=4, max_bytes=99, log=LOG) as first:
            (taken,) = first.endpoints
            with pytest.raises(LinkError, match="another process listens there") as error:
                await _enter(local(taken))
            assert taken in str(error.value)
            with peer(zmq.PUSH, taken) as sender:
                sender.send(b"still heard")
                await first.receive()


async def test_a_closed_endpoint_can_be_bound_again_at_once() -> None:
    async with opened("pull", local(), hold=4, max_bytes=99, log=LOG) as first:
        (taken,) = first.endpoints
    async with opened("pull", local(taken), hold=4, max_bytes=99, log=LOG) as second:
        assert second.endpoints == (taken,)


async def test_what_a_dead_process_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "in.sock"
    with plain_sockets.socket(plain_sockets.AF_UNIX) as left:
        left.bind(str(path))
    async with opened("pull", local(f"ipc://{path}"), hold=4, max_bytes=99, log=LOG):
        assert path.is_socket()


async def test_a_file_in_the_way_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "in.sock"
    path.write_text("precious")
    with pytest.raises(LinkError, match="no socket is there: remove it"):
        await _enter(local(f"ipc://{path}"))
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("endpoint", "remedy"),
    [
        ("ipc:///no-such-folder/in.sock", "its folder is missing"),
        ("tcp://127.0.0.1.example.org:5555", "no such interface"),
    ],
)
async def test_what_cannot_be_bound_says_why(endpoint: str, remedy: str) -> None:
    # A name would be exposed; here only the text for its socket matters.
    at = Endpoint(endpoint, "ipc" if endpoint.startswith("ipc") else "tcp", is_local=True)
    with pytest.raises(LinkError, match=remedy) as error:
        await _enter(Link((at,), connects=False))
    assert endpoint in str(error.value)


async def test_closing_waits_for_replies_that_are_on_their_way() -> None:
    async with within(), opened("router", local(), hold=4, max_bytes=10**6, log=LOG) as hub:
        sender_of = peer(zmq.REQ, hub.endpoints[0])
        sender = sender_of.__enter__()
        sender.send(b"frame")
        await hub.reply(await hub.receive(), [BIG])
    assert sender.recv() == BIG
    sender_of.__exit__(None, None, None)


async def test_closing_does_not_wait_for_ever_nor_hold_the_loop() -> None:
    loop = asyncio.get_running_loop()
    channel = opened(
        "push",
        local("tcp://127.0.0.1:9", connects=True),
        hold=4,
        max_bytes=99,
        log=LOG,
        linger=0.2,
    )
    async with within():
        async with channel as outlet:
            assert await outlet.send([b"to nobody"])
            start = loop.time()
        assert loop.time() - start < 1.5


async def test_what_waits_for_a_stopped_subscriber_is_what_was_said_at_first() -> None:
    counts = []
    for hold in (2, 40):
        channel = opened("pub", local(), hold=hold, max_bytes=99, log=LOG)
        async with within(30), channel as outlet:
            counts.append(await missed(outlet, outlet.endpoints[0], BIG * 3))
    assert counts[0] <= 20
    assert 30 <= counts[1] <= 60


async def _enter(link: Link) -> None:
    async with opened("pull", link, hold=4, max_bytes=99, log=LOG):
        pass
