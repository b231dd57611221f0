"""Sockets that strangers reach: a process of their own pays for what strangers do."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
import zmq
from structlog.testing import capture_logs

from bench.zmtp import connected
from sockets import LOOPBACK, local, missed, peer
from srstream.errors import LinkError
from srstream.transport.channel import Kind, Received, opened
from srstream.transport.link import Link, link
from srstream.transport.relay import RelayedChannel, relayed
from zmtp import flood

pytestmark = pytest.mark.integration

LOG = structlog.get_logger()
BIG = os.urandom(900_000)
PARENT = """
import asyncio, sys, structlog
from srstream.transport.link import link
from srstream.transport.relay import relayed

async def main():
    at = link(["tcp://127.0.0.1:*"], connects=False, insecure=True,
              curve_key="", curve_clients="", curve_server="")
    async with relayed(sys.argv[1], at, hold=2, max_bytes=99, log=structlog.get_logger(),
                       topics=[], linger=9) as channel:
        print(channel.pid, *channel.endpoints, flush=True)
        while True:
            got = await channel.receive()
            print(bytes(got.parts[0]).decode(), flush=True)
            if bytes(got.parts[0]) == b"answered":
                await channel.reply(got, [b"OK"])

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Nothing of a relay is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="t"))  # a short path: it is that of a socket
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())
    folder.rmdir()


def exposed(endpoint: str = "tcp://0.0.0.0:*", *, connects: bool = False) -> Link:
    return link(
        [endpoint],
        connects=connects,
        insecure=True,
        curve_key="",
        curve_clients="",
        curve_server="",
    )


def relay(
    kind: Kind, at: Link | None = None, *, hold: int = 4, linger: float = 1.0
) -> AbstractAsyncContextManager[RelayedChannel]:
    return relayed(
        kind,
        at or exposed(),
        hold=hold,
        max_bytes=1_000_000,
        log=LOG,
        topics=[b""],
        linger=linger,
    )


def reached(channel: RelayedChannel) -> str:
    """Return where it is bound, as one on this machine connects."""
    return channel.endpoints[0].replace("0.0.0.0", "127.0.0.1")  # noqa: S104


def texts(got: Received) -> list[bytes]:
    return [bytes(part) for part in got.parts]


@asynccontextmanager
async def numbering(endpoint: str) -> AsyncIterator[None]:
    """Push 0, 1, 2 and so on all the time, as fast as they are taken."""
    over = threading.Event()

    def push() -> None:
        with peer(zmq.PUSH, endpoint, SNDTIMEO=100, SNDHWM=1) as sender:
            number = 0
            while not over.is_set():
                try:
                    sender.send(b"%d" % number)
                except zmq.Again:
                    continue
                number += 1
                over.wait(0.001)

    pushing = asyncio.create_task(asyncio.to_thread(push))
    try:
        yield
    finally:
        over.set()
        await pushing


async def died(lines: list[Any]) -> dict[str, Any]:
    while True:
        for line in lines:
            if line["event"] == "the relay died":
                return dict(line)
        await asyncio.sleep(0.01)


async def test_requests_come_with_their_sender_and_are_answered() -> None:
    async with asyncio.timeout(20), relay("router") as hub:
        with peer(zmq.REQ, reached(hub), REQ_CORRELATE=1) as sender:
            for number in range(3):
                sender.send_multipart([b"%d" % number, BIG])
                got = await hub.receive()
                assert texts(got) == [b"%d" % number, BIG]
                assert got.peer == "127.0.0.1"
                assert await hub.reply(got, [b"OK"])
                assert await asyncio.to_thread(sender.recv) == b"OK"


async def test_a_pair_talks_both_ways() -> None:
    async with asyncio.timeout(20), relay("pair") as channel:
        with peer(zmq.PAIR, reached(channel)) as other:
            other.send_multipart([b"header", b"pixels"])
            got = await channel.receive()
            assert texts(got) == [b"header", b"pixels"]
            assert await channel.reply(got, [b"got it"])
            assert await asyncio.to_thread(other.recv) == b"got it"


async def test_subscribers_get_what_is_published() -> None:
    async with asyncio.timeout(20), relay("pub") as channel:
        with peer(zmq.SUB, reached(channel)) as subscriber:
            subscriber.subscribe(b"a/")
            while not subscriber.poll(1):
                assert await channel.send([b"b/frame", BIG])
                assert await channel.send([b"a/frame", BIG])
            assert await asyncio.to_thread(subscriber.recv_multipart) == [b"a/frame", BIG]


async def test_what_is_pushed_is_out_before_the_relay_ends() -> None:
    async with asyncio.timeout(20):
        async with relay("push", linger=5.0) as channel:
            taker_of = peer(zmq.PULL, reached(channel), RCVHWM=100)
            taker = taker_of.__enter__()
            for number in range(20):
                assert await channel.send([b"%d" % number, BIG])
        got = [await asyncio.to_thread(taker.recv_multipart) for _ in range(20)]
        assert got == [[b"%d" % number, BIG] for number in range(20)]
        taker_of.__exit__(None, None, None)


async def test_a_hub_is_asked_through_a_relay_and_its_reply_comes_back() -> None:
    context = zmq.Context()
    hub = context.socket(zmq.REP)
    hub.set(zmq.RCVTIMEO, 10_000)
    port = hub.bind_to_random_port("tcp://127.0.0.1")
    at = exposed(f"tcp://127.0.0.1:{port}", connects=True)
    async with asyncio.timeout(20), relay("req", at) as channel:
        assert await channel.send([b"header", BIG])
        assert await asyncio.to_thread(hub.recv_multipart) == [b"header", BIG]
        hub.send(b"OK")
        assert texts(await channel.receive()) == [b"OK"]
    hub.close(0)
    context.term()


async def test_senders_wait_while_nobody_receives() -> None:
    """In the relay, on the way, and in the buffers of TCP there is place for a few."""
    async with asyncio.timeout(20), relay("pull", hold=2) as channel:
        with peer(zmq.PUSH, reached(channel), SNDHWM=1, SNDTIMEO=500) as sender:

            def push() -> int:
                for number in range(100):
                    try:
                        sender.send_multipart([b"%d" % number, BIG])
                    except zmq.Again:
                        return number
                return 100

            sent = await asyncio.to_thread(push)
            assert sent < 40
            assert [texts(await channel.receive()) for _ in range(sent)] == [
                [b"%d" % number, BIG] for number in range(sent)
            ]


async def test_more_than_a_message_may_have_is_cut_short() -> None:
    async with asyncio.timeout(20), relay("pull") as channel:
        with peer(zmq.PUSH, reached(channel)) as sender:
            sender.send_multipart([b"header", BIG, BIG, b"tail"])
            assert texts(await channel.receive()) == [b"header", BIG]


async def test_a_flood_without_end_costs_the_relay_and_nobody_else() -> None:
    us = psutil.Process()
    with capture_logs() as lines:
        async with asyncio.timeout(40), relay("pull") as channel:
            at = reached(channel)
            async with numbering(at):
                await channel.receive()
                before, first = us.memory_info().rss, channel.pid
                most = 2_000_000_000
                flooding = asyncio.create_task(asyncio.to_thread(flood, at, most))
                told = await died(lines)
                await flooding
                grown = us.memory_info().rss - before
                while channel.pid in {None, first}:
                    await channel.receive()
                after = [int(texts(await channel.receive())[0]) for _ in range(20)]
    assert told["reason"].startswith("SIGABRT")
    assert grown < 32 * 2**20
    assert after[-1] > after[0]


async def test_a_relay_that_is_killed_is_started_anew_where_it_was_bound() -> None:
    with capture_logs() as lines:
        async with asyncio.timeout(20), relay("router") as hub:
            with peer(zmq.REQ, reached(hub), REQ_RELAXED=1) as sender:
                sender.send(b"before")
                old = await hub.receive()
                assert hub.pid is not None
                os.kill(hub.pid, signal.SIGKILL)
                assert (await died(lines))["reason"] == "SIGKILL"
                receiving = asyncio.create_task(hub.receive())
                while not receiving.done():
                    sender.send(b"after")
                    await asyncio.wait([receiving], timeout=0.2)
                got = receiving.result()
                assert texts(got) == [b"after"]
                await hub.reply(old, [b"too late"])
                await hub.reply(got, [b"OK"])
                assert await asyncio.to_thread(sender.recv) == b"OK"


async def test_publishing_goes_on_while_there_is_no_relay() -> None:
    with capture_logs() as lines:
        async with asyncio.timeout(20), relay("pub") as channel:
            assert channel.pid is not None
            os.kill(channel.pid, signal.SIGKILL)
            await died(lines)
            assert await channel.send([b"to nobody"])
            with peer(zmq.SUB, reached(channel)) as subscriber:
                subscriber.subscribe(b"")
                while not subscriber.poll(1):
                    await channel.send([b"again"])
                assert subscriber.recv() == b"again"


async def test_a_relay_holds_for_a_stopped_subscriber_what_was_said_at_first() -> None:
    counts = []
    for hold in (2, 40):
        async with asyncio.timeout(30), relay("pub", hold=hold) as channel:
            counts.append(await missed(channel, reached(channel), BIG))
    assert counts[0] <= 20
    assert 30 <= counts[1] <= 60


class Parent:
    """A process that has a relay, and answers those who say `answered` only."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        pid, self.endpoint = self.says().split()
        self.relay = psutil.Process(int(pid))
        self.ended = os.pidfd_open(int(pid))
        """Can be read when it has."""

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def die(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_for_relay(self) -> None:
        # Whoever adopts it need not bury it.
        if self.ended >= 0:
            select.select([self.ended], [], [])
            os.close(self.ended)
            self.ended = -1


@contextmanager
def parent_of(kind: Kind, folder: Path) -> Iterator[Parent]:
    command = [sys.executable, "-c", PARENT, kind]
    here = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=here, text=True) as process:
        parent = Parent(process)
        try:
            yield parent
        finally:
            parent.die()
            parent.wait_for_relay()


@pytest.mark.parametrize("kind", ["pull", "router"])
def test_a_relay_ends_with_its_parent(kind: Kind, private: Path) -> None:
    with parent_of(kind, private) as parent:
        assert list(private.iterdir())
        parent.die()
        parent.wait_for_relay()
        assert not list(private.iterdir())


def test_when_the_parent_is_killed_all_who_wait_are_answered(private: Path) -> None:
    with parent_of("router", private) as parent:
        with ExitStack() as stack:
            senders = [
                stack.enter_context(peer(zmq.REQ, parent.endpoint)) for _ in range(12)
            ]
            for number, sender in enumerate(senders):
                sender.send(b"%d" % number)
            parent.says()  # more of them than wait on the way to the parent
            parent.die()
            told = [sender.recv() for sender in senders]
        assert told == [b"refused: stopping"] * 12


def test_who_was_answered_before_is_waited_for_and_answered_too(private: Path) -> None:
    with (
        parent_of("router", private) as parent,
        peer(zmq.REQ, parent.endpoint) as sender,
    ):
        sender.send(b"answered")
        assert sender.recv() == b"OK"
        parent.die()
        sender.send(b"next")
        assert sender.recv() == b"refused: stopping"


def test_what_a_sender_sends_after_that_is_for_the_next_who_listens(private: Path) -> None:
    with (
        parent_of("router", private) as parent,
        peer(zmq.REQ, parent.endpoint) as sender,
        zmq.Context() as context,
    ):
        end = sender.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        sender.send(b"1")
        parent.says()
        parent.die()
        assert sender.recv() == b"refused: stopping"
        end.recv_multipart()
        sender.send(b"2")
        sender.disable_monitor()
        end.close()
        parent.wait_for_relay()
        hub = context.socket(zmq.REP)
        hub.set(zmq.RCVTIMEO, 10_000)
        hub.bind(parent.endpoint)
        assert hub.recv() == b"2"
        hub.close(0)


def test_a_relay_that_is_told_to_end_like_its_parent_waits_for_it(private: Path) -> None:
    """So does systemd: it tells all processes of a service."""
    with parent_of("router", private) as parent:
        parent.relay.terminate()
        with peer(zmq.REQ, parent.endpoint) as sender:
            sender.send(b"answered")
            assert sender.recv() == b"OK"
            sender.send(b"1")
            parent.says()
            assert parent.says() == "1"
            parent.die()
            parent.relay.terminate()
            assert sender.recv() == b"refused: stopping"


async def test_closing_answers_those_whom_nobody_answered() -> None:
    async with asyncio.timeout(20), relay("router") as hub:
        with peer(zmq.REQ, reached(hub)) as one, peer(zmq.REQ, reached(hub)) as other:
            one.send(b"1")
            got = await hub.receive()
            other.send(b"2")
            await hub.receive()
            await hub.farewell([(got, [b"OK"])])
            assert await asyncio.to_thread(one.recv) == b"OK"
            assert await asyncio.to_thread(other.recv) == b"refused: stopping"


async def test_an_opening_that_is_given_up_leaves_no_process_behind() -> None:
    async def enter() -> None:
        async with relay("pull"):
            pass

    task = asyncio.create_task(enter())
    while not (children := psutil.Process().children()):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not any(child.is_running() for child in children)


async def test_closing_does_not_wait_for_a_relay_that_is_dead() -> None:
    loop = asyncio.get_running_loop()
    with capture_logs() as lines:
        async with asyncio.timeout(20):
            async with relay("push", linger=60.0) as channel:
                assert channel.pid is not None
                os.kill(channel.pid, signal.SIGKILL)
                await died(lines)
                start = loop.time()
            assert loop.time() - start < 5.0


async def test_what_cannot_be_bound_is_told_as_without_a_relay() -> None:
    async with asyncio.timeout(20), relay("pull") as first:
        with pytest.raises(LinkError, match="another process listens there"):
            async with relay("pull", exposed(first.endpoints[0])):
                pass


GARBAGE: dict[str, Callable[[int], bytes]] = {
    "zeros": bytes,
    "ones": lambda size: b"\xff" * size,
    "noise": os.urandom,
    "another protocol": lambda size: (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * size)[:size],
    "half a greeting": lambda size: b"\xff" + bytes(8) + b"\x7f\x03",
    "a terabyte announced": lambda size: (
        b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(52, b"\0") + b"\x02\0\0\1" * 9
    ),
}


async def test_garbage_on_the_port_does_not_disturb_a_good_sender() -> None:
    direct = opened("pull", local(LOOPBACK), hold=4, max_bytes=10**6, log=LOG)
    with capture_logs():
        async with asyncio.timeout(30), direct as near, relay("pull") as far:
            for channel, at in ((near, near.endpoints[0]), (far, reached(far))):
                with peer(zmq.PUSH, at) as sender:
                    for name, make in GARBAGE.items():
                        with connected(at) as connection:
                            connection.sendall(make(3_000))
                            sender.send(name.encode())
                            # What begins like the oldest ZMTP may even be a message.
                            while texts(await channel.receive()) != [name.encode()]:
                                pass
