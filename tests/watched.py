"""A watched folder in tests: pictures in it, its source, and a pipeline's manners."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from fakes import FakeLedger
from srstream.frames import FrameId
from srstream.ledger import Ledger
from srstream.ports import Packet, StreamContext, Verdict
from srstream.sources.directory import DirectoryOptions, DirectorySource

Packets = AsyncIterator[Packet]


def save(path: Path, *, value: int = 0) -> Path:
    """Write a plain picture; its value tells one content from another."""
    Image.new("L", (16 + value % 7, 16), value).save(path, format="PNG")
    return path


def age(path: Path) -> Path:
    """Make a file old, so that it is ready when first seen."""
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def value_of(packet: Packet) -> int:
    return int(packet.read().pixels[0, 0, 0])


def source_on(
    folder: Path,
    *,
    ledger: Ledger | None = None,
    done_before: Callable[[str, int], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], int] = time.time_ns,
    **options: Any,
) -> DirectorySource:
    return DirectorySource(
        DirectoryOptions(**{"path": folder.name, "settle": 0.05, **options}),
        StreamContext(
            "demo",
            clock,
            folder.parent,
            ledger or FakeLedger(),
            done_before=done_before,
        ),
        wall=wall,
    )


@asynccontextmanager
async def opened(source: DirectorySource) -> AsyncIterator[Packets]:
    async with asyncio.timeout(10), source.open() as packets:
        yield packets


async def take(packets: Packets, count: int) -> list[Packet]:
    return [await anext(packets) for _ in range(count)]


async def sources_of(packets: Packets, count: int) -> list[str]:
    return [packet.source for packet in await take(packets, count)]


async def finish(packet: Packet, ledger: Ledger) -> int:
    """Do what a pipeline does with a frame that is published; return its value."""
    picture = packet.read()
    frame = FrameId("demo", ledger.last_seq + 1, packet.source, packet.name)
    ledger.publishing(frame, picture.content, outputs=1, line=None)
    await ledger.done(frame, line=None)
    await packet.done(Verdict.DONE)
    return int(picture.pixels[0, 0, 0])


async def give_up(packet: Packet, ledger: Ledger) -> None:
    """Do what a pipeline does with a file that is no picture."""
    await ledger.failed(packet.source, "is no picture")
    await packet.done(Verdict.FAILED)


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again for what nobody tells; whoever calls has a limit."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def others_until(
    condition: Callable[[], bool], folder: Path, packets: Packets
) -> None:
    """Keep a source busy with other files, and see that it offers nothing else."""
    number = 0
    while not condition():
        number += 1
        save(folder / "other.png", value=number)
        packet = await anext(packets)
        assert packet.source == "other.png"
        await packet.done(Verdict.FAILED)


class FakeLog:
    """Lets a test wait for what is said."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str] = asyncio.Queue()

    def info(self, event: str, **fields: object) -> None:
        self.events.put_nowait(event)

    warning = info
