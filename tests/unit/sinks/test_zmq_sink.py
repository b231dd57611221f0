from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from fakes import FakeLedger, Tally
from pictures import zone_plate
from srstream.errors import LinkError, SinkError, SinkUnavailable
from srstream.frames import (
    AdaptStats,
    Frame,
    FrameId,
    Milliseconds,
    Origin,
    Outcome,
    Picture,
    Pixels,
    Upscaled,
)
from srstream.ports import StreamContext
from srstream.sinks import SINKS, zmq_sink
from srstream.sinks.zmq_options import ZmqSinkOptions
from srstream.sinks.zmq_sink import ZmqSink

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HERE = ("tcp://127.0.0.1:5556",)


class FakeChannel:
    """Keeps what is sent; has room for a receiver, and answers, as it is told."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = []
        self.parts: list[Sequence[bytes | memoryview]] = []
        self.within: list[float | None] = []
        self.tally = Tally()
        """`send`, `receive`."""
        self.has_room = True
        self.answers = True
        self.endpoints = ("tcp://127.0.0.1:49152",)

    async def send(
        self, parts: Sequence[bytes | memoryview], *, within: float | None = None
    ) -> bool:
        self.tally.add("send")
        self.within.append(within)
        if self.has_room:
            self.parts.append(parts)
            self.sent.append([bytes(part) for part in parts])
        return self.has_room

    async def receive(self) -> None:
        self.tally.add("receive")
        if not self.answers:
            await asyncio.Event().wait()


class Door:
    """Opens fake channels, or refuses to."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.refusals = refusals
        self.channels: list[FakeChannel] = []
        self.asked: list[dict[str, Any]] = []
        self.closed = 0

    def __call__(
        self, kind: str, link: Any, **asked: Any
    ) -> AbstractAsyncContextManager[Any]:
        self.asked.append({"kind": kind, "link": link, **asked})
        return self._opened()

    @property
    def channel(self) -> FakeChannel:
        return self.channels[-1]

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[FakeChannel]:
        if self.refusals:
            self.refusals -= 1
            raise LinkError("tcp://127.0.0.1:5556: address already in use")
        self.channels.append(FakeChannel())
        try:
            yield self.channel
        finally:
            self.closed += 1


def upscaled(
    pixels: Pixels | None = None,
    *,
    seq: int = 1,
    stream: str = "demo",
    origin: Origin | None = None,
) -> Upscaled:
    identity = FrameId(stream, seq, "cam1", f"{seq:08}")
    frame = Frame(identity, Picture(zone_plate(8, 10)), origin)
    large = zone_plate(16, 20) if pixels is None else pixels
    stats = AdaptStats(Outcome.ADAPTED, 2, net="zssr", preset="light", device="cpu")
    return Upscaled(frame, large, stats, Milliseconds(adapt=12.5, total=20.0))


def sink_on(door: Door, *, base: Path = Path(), **options: Any) -> ZmqSink:
    return ZmqSink(
        ZmqSinkOptions(**{"endpoints": HERE, **options}),
        StreamContext("demo", lambda: 0.0, base, FakeLedger(), run="r1"),
        now=lambda: NOON,
        open_channel=door,
        answered_within=0.05,
    )


async def sent(*items: Upscaled, **options: Any) -> list[list[bytes]]:
    """Write frames, and return all messages."""
    door = Door()
    sink = sink_on(door, **options)
    await sink.open()
    try:
        for item in items:
            await sink.write(item)
    finally:
        await sink.close()
    return door.channel.sent


def pixels_of(header: dict[str, Any], payload: bytes) -> Pixels:
    return np.frombuffer(payload, header["dtype"]).reshape(header["shape"])


# What is sent


def test_it_is_in_the_table_and_neither_reports_nor_lasts() -> None:
    context = StreamContext("demo", lambda: 0.0, Path(), FakeLedger())
    sink = SINKS["zmq"].make(ZmqSinkOptions(HERE), context)
    assert isinstance(sink, ZmqSink)
    assert not sink.reports
    assert not sink.lasting


async def test_a_publisher_sends_the_frame_and_then_its_statistics_by_topic() -> None:
    frame, statistics = await sent(upscaled(seq=7))
    assert frame[0] == b"demo/frame"
    assert statistics[0] == b"demo/stats"
    header = json.loads(frame[1])
    assert np.array_equal(pixels_of(header, frame[2]), zone_plate(16, 20))
    assert (header["srstream"], header["stream"], header["seq"]) == (1, "demo", 7)
    assert len(statistics) == 2
    assert json.loads(statistics[1])["stats"]["seq"] == 7


async def test_the_topic_is_that_of_the_frame_s_own_stream() -> None:
    frame, statistics = await sent(upscaled(stream="demo.cam2"))
    assert frame[0] == b"demo.cam2/frame"
    assert statistics[0] == b"demo.cam2/stats"
    assert json.loads(frame[1])["stream"] == "demo.cam2"


async def test_the_header_has_the_line_of_statistics_as_it_is_when_writing_begins() -> None:
    (_, header, _), _ = await sent(upscaled(seq=3))
    stats = json.loads(header)["stats"]
    assert (stats["v"], stats["run"], stats["stream"]) == (1, "r1", "demo")
    assert (stats["seq"], stats["outcome"], stats["net"]) == (3, "adapted", "zssr")
    assert stats["in_size"] == [10, 8]
    assert stats["out_size"] == [20, 16]
    assert stats["ms"]["adapt"] == 12.5
    assert stats["ms"]["write"] == 0
    assert stats["ms"]["total"] == 20
    assert stats["time"] == "2026-01-02T12:00:00.000+00:00"


async def test_what_a_feed_said_of_the_frame_is_said_again() -> None:
    origin = Origin("cam1", 41, 90_000, (1, 90_000), "bt709", "trace-1")
    (_, header, _), _ = await sent(upscaled(seq=3, origin=origin))
    said = json.loads(header)
    assert said["pts"] == 90_000
    assert said["time_base"] == [1, 90_000]
    assert said["space"] == "bt709"
    assert said["trace"] == "trace-1"


async def test_one_who_pushes_sends_frames_without_topics() -> None:
    ((header, payload),) = await sent(upscaled(seq=2), pattern="push")
    said = json.loads(header)
    assert said["seq"] == said["stats"]["seq"] == 2
    assert np.array_equal(pixels_of(said, payload), zone_plate(16, 20))


@pytest.mark.parametrize("pattern", ["pub", "push", "req"])
async def test_imagezmq_is_two_parts_with_the_statistics_in_the_header(
    pattern: str,
) -> None:
    item = upscaled(seq=2, origin=Origin("cam1"))
    ((header, payload),) = await sent(item, pattern=pattern, format="imagezmq")
    said = json.loads(header)
    assert said["msg"] == "cam1"
    assert said["seq"] == said["stats"]["seq"] == 2
    assert np.array_equal(pixels_of(said, payload), zone_plate(16, 20)[..., ::-1])


async def test_raw_native_pixels_are_not_copied() -> None:
    door = Door()
    sink = sink_on(door)
    pixels = zone_plate(16, 20)
    await sink.write(upscaled(pixels))
    assert np.shares_memory(np.asarray(door.channel.parts[0][2]), pixels)
    await sink.close()


async def test_a_png_holds_the_very_pixels() -> None:
    (_, _, payload), _ = await sent(upscaled(), payload="png")
    with Image.open(BytesIO(payload)) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), zone_plate(16, 20))


async def test_a_jpeg_has_the_quality_that_was_asked_for() -> None:
    (_, _, small), _ = await sent(upscaled(), payload="jpeg", quality=10)
    (_, _, large), _ = await sent(upscaled(), payload="jpeg", quality=95)
    assert len(small) < len(large)
    with Image.open(BytesIO(large)) as image:
        assert image.format == "JPEG"
        assert image.size == (20, 16)


async def test_what_a_jpeg_loses_is_said_once() -> None:
    deep = zone_plate(16, 20).astype(np.uint16) * 257
    with capture_logs() as logs:
        await sent(upscaled(deep), upscaled(deep, seq=2), payload="jpeg")
    said = [log for log in logs if log["log_level"] == "warning"]
    assert [log["lost"] for log in said] == [["16-bit depth"]]


@pytest.mark.parametrize(
    ("options", "pixels", "is_aside"),
    [
        ({}, zone_plate(16, 20), False),
        ({}, zone_plate(32, 20)[::2], True),  # to be copied
        ({"payload": "jpeg"}, zone_plate(16, 20), True),
        ({"payload": "png"}, zone_plate(16, 20), True),
        ({"format": "imagezmq"}, zone_plate(16, 20), True),
    ],
)
async def test_what_takes_time_is_done_on_a_thread_of_its_own(
    options: dict[str, Any],
    pixels: Pixels,
    is_aside: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[int] = []

    def noting(make: Any) -> Any:
        def make_and_note(*arguments: Any) -> Any:
            threads.append(threading.get_ident())
            return make(*arguments)

        return make_and_note

    for name in ("native_message", "imagezmq_message"):
        monkeypatch.setattr(zmq_sink, name, noting(getattr(zmq_sink, name)))
    await sent(upscaled(pixels), **options)
    assert [thread != threading.get_ident() for thread in threads] == [is_aside]


async def test_what_the_encoding_cannot_hold_fails_for_good() -> None:
    door = Door()
    sink = sink_on(door, payload="jpeg")
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(SinkError) as caught:
        await sink.write(upscaled(wide))
    assert not isinstance(caught.value, SinkUnavailable)
    await sink.write(upscaled())
    assert len(door.channel.sent) == 2
    await sink.close()


async def test_what_does_not_fit_the_memory_fails_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*arguments: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(zmq_sink, "native_message", full)
    sink = sink_on(Door())
    with pytest.raises(SinkError, match="not enough memory to encode 20x16 pixels"):
        await sink.write(upscaled())
    await sink.close()


# Opening and closing


async def test_the_channel_is_asked_for_as_the_options_say(tmp_path: Path) -> None:
    door = Door()
    sink = sink_on(door, base=tmp_path, pattern="push", connect=True)
    await sink.open()
    (asked,) = door.asked
    assert asked["kind"] == "push"
    assert asked["link"].connects
    assert asked["hold"] == 2  # what is pushed waits for a place, and needs no more
    assert asked["max_bytes"] <= 65_536
    await sink.close()


async def test_it_tells_where_it_is_bound() -> None:
    sink = sink_on(Door())
    assert sink.endpoints == ("tcp://127.0.0.1:5556",)
    with capture_logs() as logs:
        await sink.open()
        await sink.write(upscaled())
    assert sink.endpoints == ("tcp://127.0.0.1:49152",)
    assert [log["endpoints"] for log in logs] == [("tcp://127.0.0.1:49152",)]
    await sink.close()


async def test_what_cannot_be_opened_is_tried_again_with_each_frame() -> None:
    door = Door(refusals=2)
    sink = sink_on(door)
    with pytest.raises(SinkUnavailable, match="address already in use"):
        await sink.open()
    with pytest.raises(SinkUnavailable, match="address already in use"):
        await sink.write(upscaled())
    await sink.write(upscaled())
    assert len(door.channel.sent) == 2
    await sink.close()


async def test_closing_closes_the_channel_once() -> None:
    door = Door()
    sink = sink_on(door)
    await sink.open()
    await sink.close()
    await sink.close()
    assert door.closed == 1


async def test_it_can_be_closed_when_it_could_not_be_opened_or_never_was() -> None:
    sink = sink_on(Door(refusals=1))
    with pytest.raises(SinkUnavailable):
        await sink.open()
    await sink.close()
    await sink_on(Door()).close()


async def test_the_last_frames_may_linger_but_not_what_a_hub_did_not_answer() -> None:
    lingers = []
    for pattern in ("pub", "push", "req"):
        door = Door()
        sink = sink_on(door, pattern=pattern, format="imagezmq")
        await sink.open()
        await sink.close()
        lingers.append(door.asked[0]["linger"])
    assert lingers == [2.0, 60.0, 0.0]


# How much waits


def square(megabytes: int) -> Pixels:
    return np.zeros((1000, 1000 * megabytes, 1), np.uint8)  # a header comes on top


async def test_another_socket_is_opened_for_larger_frames_where_the_first_was_bound() -> (
    None
):
    door = Door()
    sink = sink_on(door, budget_mb=16)
    sent_by = []
    for megabytes in (1, 5, 4, 5, 9):
        await sink.write(upscaled(square(megabytes)))
        sent_by.append(len(door.channels))
    await sink.close()
    # 16 messages of 1 MB fit, of which one has a header; then 3 of 5 MB; then 2 anyway
    assert [asked["hold"] for asked in door.asked] == [16, 15, 3, 2]
    assert sent_by == [2, 3, 3, 3, 4]
    bound = [asked["link"].endpoints[0].text for asked in door.asked]
    assert bound == ["tcp://127.0.0.1:5556"] + 3 * ["tcp://127.0.0.1:49152"]
    assert door.closed == 4


async def test_an_endpoint_that_is_not_released_yet_is_tried_again() -> None:
    door = Door()
    sink = sink_on(door, budget_mb=16)
    await sink.open()
    door.refusals = 2
    await sink.write(upscaled(square(5)))
    assert [asked["hold"] for asked in door.asked] == [16, 3, 3, 3]
    assert len(door.channel.sent) == 2
    await sink.close()


async def test_one_that_somebody_else_took_is_said_and_the_frame_goes_out_later() -> None:
    door = Door()
    sink = sink_on(door, budget_mb=16)
    await sink.open()
    door.refusals = 10_000
    with pytest.raises(SinkUnavailable, match="address already in use"):
        await sink.write(upscaled(square(5)))
    door.refusals = 0
    await sink.write(upscaled(square(5)))
    assert len(door.channel.sent) == 2
    await sink.close()


@pytest.mark.parametrize("pattern", ["push", "req"])
async def test_one_who_waits_for_a_place_keeps_the_socket(pattern: str) -> None:
    door = Door()
    sink = sink_on(door, budget_mb=16, pattern=pattern, format="imagezmq")
    await sink.write(upscaled(square(9)))
    assert [asked["hold"] for asked in door.asked] == [2]
    await sink.close()


async def test_a_publisher_never_waits() -> None:
    door = Door()
    sink = sink_on(door)
    await sink.open()
    door.channel.has_room = False
    await sink.write(upscaled())
    assert door.channel.within == [0, 0]
    await sink.close()


# Receivers that are not there


async def test_without_a_receiver_a_push_says_what_to_do_and_sends_nothing_twice() -> None:
    door = Door()
    sink = sink_on(door, pattern="push")
    await sink.open()
    door.channel.has_room = False
    with pytest.raises(
        SinkUnavailable, match=r"no receiver takes .* tcp://127.0.0.1:5556: start one"
    ):
        await sink.write(upscaled())
    assert door.channel.within == [5.0]
    door.channel.has_room = True
    await sink.write(upscaled())
    assert len(door.channel.sent) == 1
    assert door.closed == 0
    await sink.close()


async def test_a_request_waits_for_its_reply() -> None:
    door = Door()
    sink = sink_on(door, pattern="req", format="imagezmq")
    await sink.write(upscaled(seq=1))
    await sink.write(upscaled(seq=2))
    assert door.channel.tally["send"] == door.channel.tally["receive"] == 2
    await sink.close()


async def test_a_frame_without_a_reply_is_sent_again_on_a_new_socket() -> None:
    door = Door()
    sink = sink_on(door, pattern="req", format="imagezmq")
    await sink.open()
    door.channel.answers = False
    with pytest.raises(SinkUnavailable, match=r"no reply from tcp://127.0.0.1:5556"):
        await sink.write(upscaled())
    assert door.closed == 1
    await sink.write(upscaled())
    first, second = door.channels
    assert first.sent == second.sent
    await sink.close()


async def test_a_hub_that_is_slow_is_given_more_time_and_not_the_same_frame_for_ever() -> (
    None
):
    door = Door()
    sink = sink_on(door, pattern="req", format="imagezmq")
    for seconds in ("0.05", "0.1", "0.2"):
        await sink.open()
        door.channel.answers = False
        with pytest.raises(SinkUnavailable, match=rf"within {seconds} s: start a hub"):
            await sink.write(upscaled())
    await sink.write(upscaled())  # answered at once
    door.channel.answers = False
    with pytest.raises(SinkUnavailable, match=r"within 0\.05 s"):
        await sink.write(upscaled())
    await sink.close()


async def test_a_request_that_is_given_up_leaves_no_reply_for_the_next() -> None:
    door = Door()
    sink = sink_on(door, pattern="req", format="imagezmq")
    sink._patience = 10.0
    await sink.open()
    door.channel.answers = False
    writing = asyncio.create_task(sink.write(upscaled()))
    await door.channel.tally.reached("receive")
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert door.closed == 1
    await sink.write(upscaled(seq=2))
    assert len(door.channels) == 2
    await sink.close()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"quality": 0}, "quality is 0; allowed: 1 to 100"),
        ({"quality": 101}, "quality is 101"),
        ({"budget_mb": 0}, "budget_mb is 0"),
        ({"pattern": "req"}, "pattern is 'req'; allowed with format = 'imagezmq' only"),
        ({"endpoints": ()}, "endpoints are empty"),
        ({"endpoints": ("tcp://0.0.0.0:5556",)}, "insecure is false"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ZmqSinkOptions(**{"endpoints": HERE, **wrong})
