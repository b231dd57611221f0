"""Unmodified imagezmq and NetGear before srstream, and ImageHub behind it.

A real source, pipeline and sink around a processor that repeats each pixel once: raw
frames must come out bit for bit, whatever their type, shape and pattern.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from bench.endpoints import address_of, free_endpoint
from cameras import COLOUR, DTYPES, SHAPES, Cameras, cameras, noise
from fakes import FakeLedger, FakeProcessor, ListSink
from srstream.build import CLOCK
from srstream.frames import Upscaled
from srstream.ports import StreamContext
from srstream.runtime.compute import Compute
from srstream.runtime.pipeline import Pipeline
from srstream.sinks import SINKS
from srstream.sinks.zmq_options import ZmqSinkOptions
from srstream.sources import SOURCES
from srstream.sources.zmq_options import ZmqOptions

ALL = tuple(product(DTYPES, SHAPES))
A_MOMENT = 0.1
"""Seconds after which a frame that nobody heard is sent again."""


class Beside:
    """What came through, seen beside the output."""

    def __init__(self, sink: ListSink) -> None:
        self._sink = sink

    @property
    def items(self) -> list[Upscaled]:
        return self._sink.items

    async def frame(self, number: int) -> Upscaled:
        """Wait for a frame; the first is 0."""
        await self._sink.tally.reached("write", number + 1)
        return self._sink.items[number]


@asynccontextmanager
async def stage(
    source: ZmqOptions, sinks: Sequence[ZmqSinkOptions] = ()
) -> AsyncIterator[Beside]:
    """Run a stream while the block runs."""
    ledger = FakeLedger()
    context = StreamContext("demo", CLOCK, Path(), ledger)
    beside, compute = ListSink(), Compute("compute")
    pipeline = Pipeline(
        "demo",
        source=SOURCES["zmq"].make(source, context),
        processor=FakeProcessor(scale=1),
        compute=compute,
        sinks=[*(SINKS["zmq"].make(sink, context) for sink in sinks), beside],
        ledger=ledger,
        clock=CLOCK,
        queue_bytes=1 << 20,
        log=structlog.get_logger(),
    )
    run = asyncio.create_task(pipeline.run())
    try:
        async with asyncio.timeout(30):
            yield Beside(beside)
    finally:
        await pipeline.drain(10.0)
        await run
        assert compute.close(10.0)


def listening(pattern: str, endpoint: str, *, connect: bool = False) -> ZmqOptions:
    options: dict[str, Any] = {"pattern": pattern, "connect": connect}
    return ZmqOptions((endpoint,), overload="block", **options)


def as_rgb(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return [H, W, C] in the order in which srstream has it."""
    if pixels.ndim == 2:
        return pixels[:, :, None]
    return pixels[:, :, {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]]


async def sent_until(
    there: Callable[[Upscaled], bool], cameras: Cameras, beside: Beside, **what: Any
) -> None:
    """Send a frame until one like it is there: what nobody hears is lost."""
    while not any(map(there, beside.items)):
        await cameras.do(**what)
        with suppress(TimeoutError):
            async with asyncio.timeout(A_MOMENT):
                await beside.frame(len(beside.items))


async def send_all(cameras: Cameras, beside: Beside, *, before: int, reply: Any) -> None:
    """Send a frame of every kind; each must come through as it was sent."""
    for number, (dtype, shape) in enumerate(ALL, before):
        answer = await cameras.do("send", name="cam1", dtype=dtype, shape=shape)
        item = await beside.frame(number)
        assert answer == reply
        assert is_exact(item, noise(dtype, shape))
        assert item.frame.id.seq == number + 1


def is_exact(item: Upscaled, sent: np.ndarray[Any, Any]) -> bool:
    is_same_depth = item.pixels.dtype == sent.dtype.newbyteorder("=")
    return is_same_depth and np.array_equal(item.pixels, as_rgb(sent))


def is_plain(item: Upscaled) -> bool:
    """JPEG keeps one colour, nearly; the order of its channels is not lost."""
    if item.pixels.shape != (16, 16, 3):
        return False
    off = item.pixels.astype(int) - np.array(COLOUR[::-1])
    return bool(np.abs(off).max() <= 3)


async def test_every_kind_of_frame_of_a_req_camera_comes_in() -> None:
    endpoint = free_endpoint()
    async with stage(listening("rep", endpoint)) as beside, cameras() as camera:
        await camera.do("imagezmq", endpoint=endpoint, asks=True)
        await send_all(camera, beside, before=0, reply="OK")
        assert await camera.do("send_jpeg", name="cam1") == "OK"
        assert is_plain(await beside.frame(len(ALL)))


async def test_every_kind_of_frame_of_a_pub_camera_comes_in() -> None:
    endpoint = free_endpoint()
    source = listening("sub", endpoint, connect=True)
    async with stage(source) as beside, cameras() as camera:
        await camera.do("imagezmq", endpoint=endpoint, asks=False)
        await sent_until(is_plain, camera, beside, what="send_plain", name="hello")
        before = len(beside.items)
        await send_all(camera, beside, before=before, reply=None)
        await camera.do("send_jpeg", name="cam1")
        assert is_plain(await beside.frame(before + len(ALL)))


@pytest.mark.parametrize(("pattern", "ours"), [(0, "pair"), (1, "rep")])
async def test_every_kind_of_frame_of_netgear_comes_in(pattern: int, ours: str) -> None:
    endpoint = free_endpoint()
    _, port = address_of(endpoint)
    async with stage(listening(ours, endpoint)) as beside, cameras() as camera:
        await camera.do("netgear", port=port, pattern=pattern, jpeg=False)
        await send_all(camera, beside, before=0, reply=None)
        await camera.do("close")  # with its terminate message, which is no frame
        assert is_plain(await first_of_another(camera, beside, port=port, pattern=pattern))


async def first_of_another(
    camera: Cameras, beside: Beside, *, port: int, pattern: int
) -> Upscaled:
    """Return the first frame of a sender that comes after another.

    A PAIR turns away who comes before the last one is gone; then it comes once more.
    """
    while True:
        await camera.do("netgear", port=port, pattern=pattern, jpeg=True)
        await camera.do("send_plain", name="")
        with suppress(TimeoutError):
            async with asyncio.timeout(3):
                return await beside.frame(len(ALL))
        await camera.do("close")


async def test_every_kind_of_frame_of_a_netgear_that_drops_comes_in_in_the_end() -> None:
    endpoint = free_endpoint()
    _, port = address_of(endpoint)
    async with stage(listening("sub", endpoint)) as beside, cameras() as camera:
        await camera.do("netgear", port=port, pattern=2, jpeg=True)
        await sent_until(is_plain, camera, beside, what="send_plain", name="")
        await camera.do("close")
        await camera.do("netgear", port=port, pattern=2, jpeg=False)
        for dtype, shape in ALL:
            there = partial(is_exact, sent=noise(dtype, shape))
            kind = {"what": "send", "dtype": dtype, "shape": shape}
            await sent_until(there, camera, beside, name="", **kind)


@pytest.mark.parametrize("pattern", ["req", "pub"])
async def test_every_kind_of_frame_goes_on_to_a_hub_as_it_came(pattern: str) -> None:
    camera_end, hub_end = free_endpoint(), free_endpoint()
    asks = pattern == "req"
    sink = ZmqSinkOptions(
        (hub_end,),
        pattern=pattern,  # type: ignore[arg-type]
        connect=asks,
        format="imagezmq",
    )
    async with (
        cameras() as hub,
        stage(listening("rep", camera_end), [sink]) as beside,
        cameras() as camera,
    ):
        await hub.do("hub", endpoint=hub_end, asks=asks)
        await camera.do("imagezmq", endpoint=camera_end, asks=True)
        if not asks:
            await heard(camera, hub)
        for dtype, shape in ALL:
            await camera.do("send", name="cam1", dtype=dtype, shape=shape)
            took = await hub.do("take")
            while took["name"] == "hello":
                took = await hub.do("take")
            sent = noise(dtype, shape)
            native = sent.astype(sent.dtype.newbyteorder("="))
            assert took == {
                "name": "cam1",
                "dtype": native.dtype.name,
                "shape": [*shape[:2]] if shape[-1] == 1 else [*shape],
                "sha256": hashlib.sha256(native.tobytes()).hexdigest(),
            }
        assert len(beside.items) >= len(ALL)


async def heard(camera: Cameras, hub: Cameras) -> None:
    """Send until a hub that follows has a frame."""
    first = asyncio.create_task(hub.do("take"))
    while not first.done():
        await camera.do("send_plain", name="hello")
        await asyncio.wait((first,), timeout=A_MOMENT)
    assert (await first)["name"] == "hello"
