"""The other side of a feed: messages, a channel without a socket, and how packets go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fakes import FakeClock, FakeLedger
from srstream.frames import AdaptStats, Frame, FrameId, Outcome, Upscaled
from srstream.ports import Packet, StreamContext, Verdict
from srstream.sources import ZmqOptions
from srstream.transport.channel import Received

HERE = ("tcp://127.0.0.1:*",)


def options(**changed: Any) -> ZmqOptions:
    """Return options that bind on loopback, unless changed."""
    return ZmqOptions(**{"endpoints": HERE, **changed})


def context(clock: Callable[[], float] | None = None, **changed: Any) -> StreamContext:
    values = {"base": Path(), "ledger": FakeLedger(), **changed}
    return StreamContext("demo", clock=clock or FakeClock(), **values)


def pixels(value: int = 0, *, size: tuple[int, int] = (4, 3)) -> np.ndarray:
    width, height = size
    return np.full((height, width, 3), value, np.uint8)


def imagezmq(
    value: int = 0, *, sender: str = "cam", size: tuple[int, int] = (4, 3)
) -> list[bytes]:
    """Return what an `ImageSender` sends; the pixels are 36 bytes, unless resized."""
    array = pixels(value, size=size)
    header = {"msg": sender, "dtype": "uint8", "shape": list(array.shape)}
    return [json.dumps(header).encode(), array.tobytes()]


def netgear(value: int = 0, *, dtype: str = "uint8") -> list[bytes]:
    """Return what NetGear sends; dtype is only what the header says."""
    header = {
        "terminate_flag": False,
        "compression": False,
        "message": None,
        "pattern": "1",
        "dtype": dtype,
        "shape": [3, 4, 3],
    }
    return [json.dumps(header).encode(), pixels(value).tobytes()]


GOODBYE = [b'{"terminate_flag": true}']
NO_JPEG = [b'{"msg": "cam"}', b"\xff\xd8\xff\xe0 and then nothing of use"]


class FakeChannel:
    """Gives out messages that were put into it, and keeps the replies."""

    endpoints = ("tcp://127.0.0.1:5555",)

    def __init__(self) -> None:
        self.replies: list[tuple[bytes, bytes]] = []
        """To whom, and what."""
        self.gone: set[bytes] = set()
        """Senders who take no reply."""
        self.taken = 0
        self.error: Exception | None = None
        """Raised by the next wait."""
        self.opened = 0
        self.closed = asyncio.Event()
        self.closed_after: int | None = None
        """How many replies had been sent when it was closed."""
        self._messages: list[Received] = []
        self._changed = asyncio.Event()

    def put(self, parts: Sequence[bytes], *, sender: bytes = b"", peer: str = "") -> None:
        """Queue a message; with a sender as if it came from a router."""
        envelope = (sender, b"") if sender else ()
        views = tuple(memoryview(part) for part in parts)
        self._messages.append(Received(peer, envelope, views))
        self._changed.set()

    def fail(self, error: Exception) -> None:
        self.error = error
        self._changed.set()

    @property
    def queued(self) -> int:
        return len(self._messages)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FakeChannel]:
        self.opened += 1
        try:
            yield self
        finally:
            self.closed_after = len(self.replies)
            self.closed.set()

    async def receive(self) -> Received:
        await asyncio.sleep(0)
        while not self._messages:
            if self.error is not None:
                raise self.error
            self._changed.clear()
            await self._changed.wait()
        self.taken += 1
        return self._messages.pop(0)

    async def reply(self, to: Received, parts: Sequence[bytes]) -> bool:
        sender = to.envelope[0] if to.envelope else b""
        if sender in self.gone:
            return False
        self.replies.append((sender, b"".join(parts)))
        return True

    async def farewell(self, replies: Sequence[tuple[Received, Sequence[bytes]]]) -> None:
        for to, parts in replies:
            await self.reply(to, parts)


async def calm(turns: int = 50) -> None:
    """Let everybody do what can be done without waiting."""
    for _ in range(turns):
        await asyncio.sleep(0)


def value_of(packet: Packet) -> int:
    """Return the value of a plain picture."""
    return int(packet.read().pixels[0, 0, 0])


async def finish(packet: Packet, verdict: Verdict = Verdict.DONE) -> int:
    """Read a packet and settle it; return its value."""
    value = value_of(packet)
    await packet.done(verdict)
    return value


async def rest_of(packets: AsyncIterator[Packet]) -> list[int]:
    """Finish all packets up to the end; return their values."""
    async with asyncio.timeout(10):
        return [await finish(packet) async for packet in packets]


def published(packet: Packet, seq: int = 1) -> Upscaled:
    """Return the packet's frame as it is when it was published."""
    picture = packet.read()
    stats = AdaptStats(Outcome.ADAPTED, 1, net="fake", preset="fake", device="cpu")
    frame = Frame(FrameId("demo", seq, packet.source, str(seq)), picture, packet.origin)
    return Upscaled(frame, picture.pixels, stats)
