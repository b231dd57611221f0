"""A socket that strangers reach, as a `Channel`: what `relayed.py` hands on."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import zmq
from structlog.typing import FilteringBoundLogger

from srstream.transport.contracts import Kind, Part, Received
from srstream.transport.direct import DirectChannel
from srstream.transport.endpoints import read_endpoint
from srstream.transport.link import Link
from srstream.transport.orders import (
    BEYOND,
    DOWN,
    END,
    HELD,
    INNER_HOLD,
    MESSAGE,
    REPLIES_HOLD,
    UP,
    Orders,
)
from srstream.transport.parts import Intake, most_parts, received
from srstream.transport.readiness import Readiness
from srstream.transport.relay_process import RelayProcess
from srstream.transport.sockets import attach, configure, contexts

BASE = 256 * 2**20
"""Bytes that a relay may use beside two of the largest messages.

Measured: Python, ZeroMQ and their threads take 33 MB. The rest is for frames that wait from
many senders at once, each of them with one or a few."""
_FOLLOWERS = 16
"""Receivers that may stop reading at the same time, each with all that is held for it."""
_PUBLISHING = 1.0
"""Seconds that a message to publish waits for a relay that is busy."""
_REPLYING = 1.0
"""Seconds that a reply waits for a relay that has only just connected."""
_SLACK = 1.0
"""Seconds beyond the linger that a relay has to end."""


def memory_of(*, hold: int, max_bytes: int, largest_sent: int = 0) -> int:
    """Return the bytes that a relay may use: `RLIMIT_DATA`.

    Args:
        hold: messages that wait for each peer.
        max_bytes: of a part that is received.
        largest_sent: bytes of the largest message that was sent so far.
    """
    coming = 2 * (max_bytes + BEYOND)
    going = (_FOLLOWERS * hold + 2 * INNER_HOLD) * largest_sent
    return BASE + coming + going


class RelayedChannel:
    """A socket in a relay; see `Channel`."""

    def __init__(
        self,
        orders: Orders,
        process: RelayProcess,
        up: zmq.Socket[bytes],
        down: zmq.Socket[bytes],
    ) -> None:
        """Take sockets to the relay, bound."""
        self._orders = orders
        self._process = process
        self._largest = 0
        self._up = up
        self._intake = Intake(up, 2 + most_parts(orders.kind))
        self._ready = Readiness(up)
        self._down = DirectChannel("push", down)
        self._is_ending = False
        self.endpoints: tuple[str, ...] = ()
        """Where the relay is bound."""

    @property
    def pid(self) -> int | None:
        """The process that is the relay; none while there is none."""
        return self._process.pid

    async def receive(self) -> Received:
        """Return the next message; see `Channel`."""
        await asyncio.sleep(0)
        while True:
            try:
                taken = self._intake.take()
            except zmq.Again:
                await self._ready.until(zmq.POLLIN)
                continue
            if taken is None:
                await asyncio.sleep(0)
                continue
            self._ready.look()
            epoch, peer, *frames = taken
            address = peer.bytes.decode("utf-8", "replace")
            got = received(self._orders.kind, frames, address)
            if not got.envelope:
                return got
            identity, *rest = got.envelope
            return replace(got, envelope=(epoch.bytes + identity, *rest))

    async def send(self, parts: Sequence[Part], *, within: float | None = None) -> bool:
        """Send a message; see `Channel`."""
        self._make_room(parts)
        if self._orders.kind != "pub":
            return await self._down.send([MESSAGE, *parts], within=within)
        if self._process.pid is not None:
            await self._down.send([MESSAGE, *parts], within=_PUBLISHING)
        else:
            await asyncio.sleep(0)
        return True

    async def reply(self, to: Received, parts: Sequence[Part]) -> bool:
        """Answer a message; see `Channel`."""
        message = [MESSAGE, *to.envelope, *parts]
        return await self._down.send(message, within=_REPLYING)

    async def farewell(self, replies: Sequence[tuple[Received, Sequence[Part]]]) -> None:
        """Answer for the last time, and let the relay end; see `Channel`."""
        for to, parts in replies:
            if not await self._down.send([HELD, *to.envelope, *parts], within=_REPLYING):
                break
        await self._let_end()

    def _make_room(self, parts: Sequence[Part]) -> None:
        size = sum(memoryview(part).nbytes for part in parts)
        if size > self._largest:
            self._largest = size
            memory = memory_of(
                hold=self._orders.hold,
                max_bytes=self._orders.max_bytes,
                largest_sent=size,
            )
            self._process.allow(memory)

    async def end(self, keeping: asyncio.Task[None]) -> None:
        """Let the relay send what it has, within its linger, and end."""
        if await self._let_end():
            await asyncio.wait([keeping], timeout=self._orders.linger + _SLACK)

    async def _let_end(self) -> bool:
        """Tell it to end, once; false where there is none that hears it."""
        if self._is_ending:
            return True
        self._process.let_end()
        if self._process.pid is None:
            return False
        self._is_ending = await self._down.send([END], within=self._orders.linger)
        return self._is_ending

    def close(self) -> None:
        """Close the sockets to the relay."""
        self._ready.close()
        self._up.close(0)
        self._down.close()


@asynccontextmanager
async def relayed(
    kind: Kind,
    link: Link,
    *,
    hold: int,
    max_bytes: int,
    log: FilteringBoundLogger,
    topics: Sequence[bytes],
    linger: float,
) -> AsyncIterator[RelayedChannel]:
    """Open a socket in a process of its own; see `opened`.

    Raises:
        LinkError: it cannot be bound.
    """
    with _folder() as folder:
        orders = Orders(
            kind=kind,
            endpoints=[endpoint.text for endpoint in link.endpoints],
            connects=link.connects,
            hold=hold,
            max_bytes=max_bytes,
            topics=[topic.decode("latin-1") for topic in topics],
            folder=str(folder),
            memory=memory_of(hold=hold, max_bytes=max_bytes),
            linger=linger,
        )
        async with contexts(0) as context:
            up = configure(context, "pull", hold=INNER_HOLD, max_bytes=max_bytes)
            replies = kind in {"router", "pair"}
            waiting = REPLIES_HOLD if replies else INNER_HOLD
            down = configure(context, "push", hold=waiting, max_bytes=max_bytes)
            process = RelayProcess(orders, log, clock=time.monotonic)
            channel = RelayedChannel(orders, process, up, down)
            keeping = asyncio.create_task(process.keep())
            try:
                for socket, name in ((up, UP), (down, DOWN)):
                    attach(socket, Link((read_endpoint(f"ipc://{folder / name}"),), False))
                channel.endpoints = await process.bound()
                yield channel
            finally:
                try:
                    await channel.end(keeping)
                finally:
                    keeping.cancel()
                    await asyncio.wait([keeping])
                    channel.close()


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that only we can use, and remove it in the end."""
    folder = tempfile.mkdtemp(prefix="srstream-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
