"""Frames out to real sockets: plain ones, and hubs of imagezmq as their users have them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from fakes import FakeLedger
from pictures import zone_plate
from sockets import LOOPBACK, peer
from srstream.errors import SinkUnavailable
from srstream.frames import (
    AdaptStats,
    Frame,
    FrameId,
    Origin,
    Outcome,
    Picture,
    Pixels,
    Upscaled,
)
from srstream.ports import StreamContext
from srstream.sinks.zmq_options import ZmqSinkOptions
from srstream.sinks.zmq_sink import ZmqSink

HUB = """
import hashlib, json, sys
import cv2, imagezmq

endpoint, mode, kind = sys.argv[1:]
hub = imagezmq.ImageHub(open_port=endpoint, REQ_REP=mode == "req")
told = hub.zmq_socket.getsockopt_string(imagezmq.imagezmq.zmq.LAST_ENDPOINT)
print(json.dumps({"endpoint": told}), flush=True)
for line in iter(sys.stdin.readline, ""):
    word, *rest = line.split()
    if word == "connect":
        hub.connect(rest[0])
        continue
    if kind == "raw":
        name, image = hub.recv_image()
    else:
        name, data = hub.recv_jpg()
        image = cv2.imdecode(imagezmq.imagezmq.np.frombuffer(data, "u1"), -1)
    if word == "take":
        hub.send_reply(b"OK")
    print(json.dumps({
        "name": name,
        "dtype": str(image.dtype),
        "shape": image.shape,
        "sha256": hashlib.sha256(image.tobytes()).hexdigest(),
    }), flush=True)
"""
"""Receives an image for each line it reads: `take` replies, `follow` does not."""

FEW = 4
"""Frames that are in hand somewhere: in libzmq's batch, with the collector of pyzmq."""


class Hub:
    """An `ImageHub` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.endpoint = ""

    async def said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the hub has ended"
        told: dict[str, Any] = json.loads(line)
        return told

    def say(self, *words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


@asynccontextmanager
async def hub_on(
    endpoint: str = LOOPBACK, *, mode: str = "req", kind: str = "raw"
) -> AsyncIterator[Hub]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HUB,
        endpoint,
        mode,
        kind,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    hub = Hub(process)
    try:
        hub.endpoint = (await hub.said())["endpoint"]
        yield hub
    finally:
        await hub.end()


@asynccontextmanager
async def sink_on(endpoint: str = LOOPBACK, **options: Any) -> AsyncIterator[ZmqSink]:
    sink = ZmqSink(
        ZmqSinkOptions(**{"endpoints": (endpoint,), **options}),
        StreamContext("demo", lambda: 0.0, Path(), FakeLedger(), run="r1"),
        taken_within=1.0,
        answered_within=1.0,
    )
    try:
        yield sink
    finally:
        await sink.close()


def upscaled(
    pixels: Pixels | None = None, *, seq: int = 1, sender: str = "cam1"
) -> Upscaled:
    identity = FrameId("demo", seq, sender, f"{seq:08}")
    frame = Frame(identity, Picture(zone_plate(8, 10)), Origin(sender))
    large = zone_plate(16, 20) if pixels is None else pixels
    stats = AdaptStats(Outcome.ADAPTED, 2, net="zssr", preset="light", device="cpu")
    return Upscaled(frame, large, stats)


def of_type(dtype: str, channels: int) -> Pixels:
    """[16, 20, C] of random pixels."""
    random = np.random.default_rng(channels)
    if dtype == "float32":
        return random.random((16, 20, channels), np.float32)
    most = np.iinfo(dtype).max
    return random.integers(0, most, (16, 20, channels), dtype, endpoint=True)


def as_opencv(pixels: Pixels) -> Pixels:
    """Return what OpenCV calls the same picture: [H, W], BGR or BGRA."""
    order = {1: 0, 2: [0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
    return np.ascontiguousarray(pixels[:, :, order])


def told_of(pixels: Pixels, name: str = "cam1") -> dict[str, Any]:
    """What a hub says of these pixels when it got them without a change."""
    seen = as_opencv(pixels)
    return {
        "name": name,
        "dtype": str(seen.dtype),
        "shape": list(seen.shape),
        "sha256": hashlib.sha256(seen.tobytes()).hexdigest(),
    }


async def written(sink: ZmqSink, items: Sequence[Upscaled]) -> None:
    for item in items:
        await sink.write(item)


async def bound(socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Bind as soon as ZeroMQ has released the endpoint."""
    async with asyncio.timeout(5):
        while True:
            try:
                socket.bind(endpoint)
            except zmq.ZMQError:
                await asyncio.sleep(0)
            else:
                return


async def received(socket: zmq.Socket[bytes]) -> list[bytes]:
    return await asyncio.to_thread(socket.recv_multipart)


def seq_of(message: Sequence[bytes]) -> int:
    """The number of a native frame, after its topic if it has one."""
    header: dict[str, Any] = json.loads(message[-2])
    seq: int = header["seq"]
    return seq


async def joined(sink: ZmqSink, *subscribers: zmq.Socket[bytes], seq: int = 1) -> int:
    """Publish frames until each of these hears them; return the next number."""
    for socket in subscribers:
        while not await asyncio.to_thread(socket.poll, 20):
            await sink.write(upscaled(seq=seq))
            seq += 1
    return seq


async def heard_up_to(socket: zmq.Socket[bytes], seq: int) -> list[int]:
    """Receive until the frame of this number; return the numbers of all."""
    seqs = [seq_of(await received(socket))]
    while seqs[-1] < seq:
        seqs.append(seq_of(await received(socket)))
    return seqs


# imagezmq


EVERY_TYPE = [
    of_type(dtype, channels)
    for dtype in ("uint8", "uint16", "float32")
    for channels in (1, 2, 3, 4)
]


async def test_a_hub_gets_every_kind_of_pixels_bit_by_bit() -> None:
    async with (
        hub_on() as hub,
        sink_on(hub.endpoint, pattern="req", connect=True, format="imagezmq") as sink,
    ):
        for seq, pixels in enumerate(EVERY_TYPE, 1):
            hub.say("take")
            await sink.write(upscaled(pixels, seq=seq))
            assert await hub.said() == told_of(pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
async def test_a_hub_decodes_a_png_to_the_very_pixels(dtype: str) -> None:
    pixels = of_type(dtype, 3)
    async with (
        hub_on(kind="encoded") as hub,
        sink_on(
            hub.endpoint, pattern="req", connect=True, format="imagezmq", payload="png"
        ) as sink,
    ):
        hub.say("take")
        await sink.write(upscaled(pixels))
        assert await hub.said() == told_of(pixels)


async def test_a_hub_decodes_a_jpeg() -> None:
    async with (
        hub_on(kind="encoded") as hub,
        sink_on(
            hub.endpoint, pattern="req", connect=True, format="imagezmq", payload="jpeg"
        ) as sink,
    ):
        hub.say("take")
        await sink.write(upscaled(sender="Kamera 1"))
        told = await hub.said()
        assert (told["name"], told["dtype"]) == ("Kamera 1", "uint8")
        assert told["shape"] == [16, 20, 3]


async def test_a_hub_that_was_restarted_gets_what_it_did_not_answer() -> None:
    options = {"pattern": "req", "connect": True, "format": "imagezmq"}
    async with hub_on() as hub:
        endpoint = hub.endpoint
        async with sink_on(endpoint, **options) as sink:
            hub.say("take")
            await sink.write(upscaled(of_type("uint8", 3), seq=1))
            await hub.said()
            await hub.end()
            with pytest.raises(SinkUnavailable, match="start a hub there"):
                await sink.write(upscaled(of_type("uint8", 4), seq=2))
            async with hub_on(endpoint) as again:
                again.say("take")
                again.say("take")
                await sink.write(upscaled(of_type("uint8", 4), seq=2))
                assert await again.said() == told_of(of_type("uint8", 4))
                await sink.write(upscaled(of_type("uint8", 1), seq=3))
                assert await again.said() == told_of(of_type("uint8", 1))


async def test_a_hub_follows_two_publishers() -> None:
    first, second = of_type("uint8", 3), of_type("uint16", 1)
    async with sink_on(format="imagezmq") as one, sink_on(format="imagezmq") as other:
        await one.open()
        await other.open()
        async with hub_on(one.endpoints[0], mode="sub") as hub:
            hub.say("connect", other.endpoints[0])
            for sink, pixels, name in ((one, first, "cam1"), (other, second, "cam2")):
                hub.say("follow")
                saying = asyncio.create_task(hub.said())
                while not (await asyncio.wait((saying,), timeout=0.02))[0]:
                    await sink.write(upscaled(pixels, sender=name))
                told = saying.result()
                while told["name"] != name:  # of those sent before it was heard
                    hub.say("follow")
                    told = await hub.said()
                assert told == told_of(pixels, name)


# Native


async def test_a_subscriber_gets_frames_and_statistics_or_one_of_them() -> None:
    async with sink_on() as sink:
        await sink.open()
        (endpoint,) = sink.endpoints
        with (
            peer(zmq.SUB, endpoint, SUBSCRIBE=b"demo/") as both,
            peer(zmq.SUB, endpoint, SUBSCRIBE=b"demo/frame") as frames,
            peer(zmq.SUB, endpoint, SUBSCRIBE=b"demo/stats") as statistics,
        ):
            last = await joined(sink, both, frames, statistics)
            await sink.write(upscaled(seq=last))
            topics, seqs = [], [0]
            while seqs[-1] < last or topics[-1] != b"demo/stats":
                message = await received(both)
                topics.append(message[0])
                seqs.append(json.loads(message[1])["seq"])
            assert topics == [b"demo/frame", b"demo/stats"] * (len(topics) // 2)
            assert (await heard_up_to(frames, last))[-1] == last
            seq = 0
            while seq < last:
                topic, header = await received(statistics)
                assert topic == b"demo/stats"
                stats = json.loads(header)["stats"]
                assert stats["outcome"] == "adapted"
                seq = stats["seq"]


async def test_one_who_subscribes_late_gets_all_from_then_on() -> None:
    async with sink_on() as sink:
        for seq in range(1, 6):
            await sink.write(upscaled(seq=seq))
        with peer(zmq.SUB, sink.endpoints[0], SUBSCRIBE=b"demo/frame") as socket:
            last = await joined(sink, socket, seq=6) + 200
            for seq in range(last - 200, last + 1):
                await sink.write(upscaled(seq=seq))
            seqs = await heard_up_to(socket, last)
    assert seqs[0] > 5
    assert seqs == list(range(seqs[0], last + 1))


async def test_two_who_pull_share_the_frames_and_none_comes_twice() -> None:
    async with sink_on(pattern="push") as sink:
        await sink.open()
        (endpoint,) = sink.endpoints
        with peer(zmq.PULL, endpoint) as one, peer(zmq.PULL, endpoint) as other:
            seqs: dict[zmq.Socket[bytes], list[int]] = {one: [], other: []}
            seq = 0
            while not all(seqs.values()) or seq < 40:
                seq += 1
                await sink.write(upscaled(seq=seq))
                for socket, got in seqs.items():
                    while await asyncio.to_thread(socket.poll, 0):
                        got.append(seq_of(await received(socket)))
            for socket, got in seqs.items():
                while await asyncio.to_thread(socket.poll, 200):
                    got.append(seq_of(await received(socket)))
            assert sorted(seqs[one] + seqs[other]) == list(range(1, seq + 1))


async def test_a_push_waits_until_somebody_pulls() -> None:
    async with sink_on(pattern="push") as sink:
        with pytest.raises(SinkUnavailable, match="no receiver takes frames"):
            await sink.write(upscaled(seq=1))
        with peer(zmq.PULL, sink.endpoints[0]) as socket:
            await sink.write(upscaled(seq=1))
            await sink.write(upscaled(seq=2))
            assert await heard_up_to(socket, 2) == [1, 2]


async def test_what_was_written_last_is_not_lost_by_closing() -> None:
    large = np.zeros((1000, 5000, 1), np.uint8)  # more than the buffer of a connection
    async with sink_on(pattern="push") as sink:
        await sink.open()
        with peer(zmq.PULL, sink.endpoints[0], RCVHWM=1, RCVBUF=100_000) as socket:
            frames = [upscaled(large, seq=seq) for seq in range(1, 11)]
            writing = asyncio.create_task(written(sink, frames))
            heard = await heard_up_to(socket, 7)
            await writing
            closing = asyncio.create_task(sink.close())
            heard += await heard_up_to(socket, 10)
            assert heard == list(range(1, 11))
            await closing


async def test_an_address_in_use_is_tried_again_with_the_next_frame() -> None:
    async with sink_on() as first:
        await first.open()
        (endpoint,) = first.endpoints
        async with sink_on(endpoint) as second:
            for attempt in (second.open(), second.write(upscaled())):
                with pytest.raises(SinkUnavailable, match="another process listens"):
                    await attempt
            await first.close()
            await second.write(upscaled())
            assert second.endpoints == (endpoint,)


async def test_one_who_stopped_costs_the_budget_and_nothing_to_those_beside_it() -> None:
    height, width = 200, 500  # 100 kB of grey: nine messages are a budget of 1 MB
    alive: list[weakref.ref[Pixels]] = []

    def frame(seq: int) -> Upscaled:
        pixels = np.full((height, width, 1), seq % 256, np.uint8)
        alive.append(weakref.ref(pixels))
        return upscaled(pixels, seq=seq)

    def waiting() -> int:
        return sum(pixels() is not None for pixels in alive)

    frames = b"demo/frame"
    async with sink_on(budget_mb=1) as sink:
        await sink.open()
        (endpoint,) = sink.endpoints
        little = {"RCVHWM": 1, "RCVBUF": 100_000}
        with (
            peer(zmq.SUB, endpoint, SUBSCRIBE=frames, **little) as stopped,
            peer(zmq.SUB, endpoint, SUBSCRIBE=frames) as fast,
        ):
            first = await joined(sink, stopped, fast)
            last = first + 300
            heard: list[int] = []
            for seq in range(first, last):
                await sink.write(frame(seq))
                heard += await heard_up_to(fast, seq)
            assert heard == list(range(heard[0], last))
            assert heard[0] <= first
            assert waiting() <= 9 + FEW

            resumed, seq = [seq_of(await received(stopped))], last
            while resumed[-1] < last:
                # What comes after the gap tells that it has room again.
                await sink.write(upscaled(seq=seq))
                seq += 1
                while await asyncio.to_thread(stopped.poll, 20):
                    resumed.append(seq_of(await received(stopped)))
            steps = np.diff(resumed)
            assert steps.min() >= 1
            assert steps.max() > 100


async def test_large_frames_reach_those_who_were_there_before_the_first() -> None:
    large = np.zeros((1000, 5000, 1), np.uint8)
    async with sink_on(budget_mb=16) as sink:
        await sink.open()
        (endpoint,) = sink.endpoints
        with peer(zmq.SUB, endpoint, SUBSCRIBE=b"demo/frame") as fast:
            first = await joined(sink, fast)
            heard: list[int] = []
            for seq in range(first, first + 30):
                hearing = asyncio.create_task(heard_up_to(fast, seq))
                await sink.write(upscaled(large, seq=seq))
                heard += await hearing
        assert sink.endpoints == (endpoint,)
        assert sink._water.messages == 3
    assert heard == list(range(heard[0], first + 30))
    assert heard[0] <= first


async def test_closing_can_be_broken_off_where_one_has_stopped_and_frees_the_endpoint() -> (
    None
):
    async with sink_on(pattern="push", budget_mb=1) as sink:
        await sink.open()
        with peer(zmq.PULL, sink.endpoints[0], RCVHWM=1, RCVBUF=100_000):
            large = np.zeros((1000, 2000, 3), np.uint8)
            with pytest.raises(SinkUnavailable):
                await written(sink, [upscaled(large, seq=seq) for seq in range(1, 100)])
            closing = asyncio.create_task(sink.close())
            done, _ = await asyncio.wait({closing}, timeout=0.1)
            assert not done
            closing.cancel()
            async with asyncio.timeout(6):
                with pytest.raises(asyncio.CancelledError):
                    await closing
            with zmq.Context() as context, context.socket(zmq.PUSH) as other:
                await bound(other, sink.endpoints[0])
