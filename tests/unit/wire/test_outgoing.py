from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srstream.errors import SinkError
from srstream.frames import Origin, Pixels
from srstream.wire.incoming import read_message
from srstream.wire.message import Message, Statistics
from srstream.wire.outgoing import (
    Part,
    Payload,
    Published,
    imagezmq_message,
    native_message,
    native_statistics,
    topic,
)

SAID = Published(
    stream="demo",
    seq=7,
    run="5f0c2a",
    scale=2,
    origin=Origin("cam1", 41, 1800, (1, 90_000), "srgb", "4bf92f35"),
    stats={"v": 1, "ms": {"total": 1.5}},
)
TYPES = [np.uint8, np.uint16, np.float32]
CHANNELS = [1, 2, 3, 4]


def noise(channels: int, dtype: Any, *, size: tuple[int, int] = (12, 17)) -> Any:
    values = np.random.default_rng(2).random((*size, channels))
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    return (values * top).astype(dtype)


def header_of(parts: list[Part]) -> dict[str, Any]:
    header = json.loads(bytes(parts[0]))
    assert isinstance(header, dict)
    return header


def back(parts: list[Part], **options: Any) -> Message:
    said = read_message(parts, max_pixels=10_000, **options)
    assert isinstance(said, Message)
    return said


def as_a_hub_reads(parts: list[Part]) -> tuple[str, np.ndarray]:
    """The lines of imagezmq's `recv_array`, on the parts."""
    header = header_of(parts)
    array = np.frombuffer(parts[1], dtype=header["dtype"])
    return header["msg"], array.reshape(header["shape"])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("make", [native_message, imagezmq_message])
def test_raw_pixels_come_back_bit_by_bit(make: Any, channels: int, dtype: Any) -> None:
    pixels = noise(channels, dtype)
    said = back(make(pixels, SAID, Payload()))
    np.testing.assert_array_equal(said.read().pixels, pixels)
    assert said.read().pixels.dtype == dtype


@pytest.mark.parametrize("make", [native_message, imagezmq_message])
def test_what_is_said_of_a_frame_comes_back(make: Any) -> None:
    said = back(make(noise(3, np.uint8), SAID, Payload()))
    assert (said.stream, said.seq, said.run, said.scale) == ("demo", 7, "5f0c2a", 2)
    assert said.origin == Origin("cam1", 7, 1800, (1, 90_000), "srgb", "4bf92f35")
    assert said.stats == SAID.stats


def test_nothing_is_said_of_what_is_not_known() -> None:
    parts = native_message(noise(3, np.uint8), Published(), Payload())
    assert list(header_of(parts)) == [
        "srstream",
        "kind",
        "encoding",
        "dtype",
        "shape",
        "order",
    ]
    parts = imagezmq_message(noise(3, np.uint8), Published(stream="demo"), Payload())
    assert list(header_of(parts)) == ["msg", "dtype", "shape", "stream"]


def test_the_number_zero_is_said() -> None:
    said = Published(seq=0, origin=Origin(seq=0, pts=0))
    header = header_of(native_message(noise(1, np.uint8), said, Payload()))
    assert (header["seq"], header["src_seq"], header["pts"]) == (0, 0, 0)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("channels", "order"), [(1, [0]), (2, [0, 1]), (3, [2, 1, 0]), (4, [2, 1, 0, 3])]
)
def test_an_image_hub_gets_bgr_and_grey_of_two_dimensions(
    channels: int, order: list[int], dtype: Any
) -> None:
    pixels = noise(channels, dtype)
    parts = imagezmq_message(pixels, SAID, Payload())
    assert len(parts) == 2
    name, array = as_a_hub_reads(parts)
    assert (name, array.dtype) == ("cam1", dtype)
    expected = pixels[:, :, order]
    np.testing.assert_array_equal(array, expected[:, :, 0] if channels == 1 else expected)
    assert header_of(parts)["src"] == "cam1"
    assert header_of(parts)["src_seq"] == 41


def test_a_frame_without_a_sender_goes_by_the_name_of_its_stream() -> None:
    parts = imagezmq_message(noise(3, np.uint8), Published(stream="demo"), Payload())
    assert as_a_hub_reads(parts)[0] == "demo"
    assert "src" not in header_of(parts)


def test_contiguous_pixels_go_out_without_a_copy() -> None:
    pixels = noise(3, np.uint8)
    _, body = native_message(pixels, SAID, Payload())
    assert np.shares_memory(np.frombuffer(body, np.uint8), pixels)


@pytest.mark.parametrize("make", [native_message, imagezmq_message])
def test_pixels_that_came_as_bgr_go_out_as_bgr_without_a_copy(make: Any) -> None:
    bgr = noise(3, np.uint8)
    parts = make(bgr[:, :, ::-1], SAID, Payload())
    assert np.shares_memory(np.frombuffer(parts[1], np.uint8), bgr)
    np.testing.assert_array_equal(back(parts).read().pixels, bgr[:, :, ::-1])


@pytest.mark.parametrize("make", [native_message, imagezmq_message])
@pytest.mark.parametrize("channels", CHANNELS)
def test_pixels_of_any_memory_layout_are_written(make: Any, channels: int) -> None:
    pixels: Pixels = noise(channels, np.uint16).transpose(1, 0, 2)[::-1, ::2]
    np.testing.assert_array_equal(back(make(pixels, SAID, Payload())).read().pixels, pixels)


def test_making_a_message_leaves_the_pixels_alone() -> None:
    pixels = noise(3, np.uint8)
    before = pixels.copy()
    imagezmq_message(pixels, SAID, Payload())
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("make", [native_message, imagezmq_message])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_png_comes_back_bit_by_bit(make: Any, channels: int, dtype: Any) -> None:
    pixels = noise(channels, dtype)
    parts = make(pixels, SAID, Payload("png"))
    assert not {"dtype", "shape", "order"} & set(header_of(parts))
    np.testing.assert_array_equal(back(parts).read().pixels, pixels)


@pytest.mark.parametrize("make", [native_message, imagezmq_message])
def test_floats_go_to_16_bits_in_a_png(make: Any) -> None:
    deep = noise(3, np.uint16)
    pixels = (deep / 65_535).astype(np.float32)
    read = back(make(pixels, SAID, Payload("png"))).read().pixels
    np.testing.assert_array_equal(read, deep)


@pytest.mark.parametrize("make", [native_message, imagezmq_message])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_jpeg_is_that_of_8_bits_and_a_better_one_is_larger(make: Any, dtype: Any) -> None:
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    flat = np.full((16, 16, 3), 0.5 * top).astype(dtype)
    parts = make(flat, SAID, Payload("jpeg"))
    assert not {"dtype", "shape", "order"} & set(header_of(parts))
    image = Image.open(BytesIO(parts[1]))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert np.abs(np.asarray(image).astype(int) - 127.5).max() <= 2
    sizes = [
        len(make(noise(3, dtype), SAID, Payload("jpeg", quality))[1])
        for quality in (30, 60, 95)
    ]
    assert sizes == sorted(set(sizes))


def test_what_no_jpeg_holds_is_an_error_of_the_sink() -> None:
    pixels = np.zeros((1, 65_501, 1), np.uint8)
    with pytest.raises(SinkError, match="65501x1"):
        native_message(pixels, SAID, Payload("jpeg"))


def test_statistics_go_alone() -> None:
    parts = native_statistics(SAID)
    assert len(parts) == 1
    assert header_of(parts)["seq"] == 7
    assert read_message(parts, max_pixels=1) == Statistics("demo", dict(SAID.stats or {}))


def test_a_name_that_is_not_utf_8_is_written_as_text() -> None:
    said = Published(origin=Origin(sender="cam\udcff"))
    for make in (native_message, imagezmq_message):
        parts = make(noise(1, np.uint8), said, Payload())
        assert back(parts).origin.sender == "cam\\udcff"


def test_values_that_are_not_finite_are_null() -> None:
    said = Published(stats={"loss": float("nan")})
    header = header_of(native_message(noise(1, np.uint8), said, Payload()))
    assert header["stats"] == {"loss": None}


def test_a_topic_is_the_stream_and_what_follows() -> None:
    assert topic("demo", "frame") == b"demo/frame"
    parts = [topic("demo", "frame"), *native_message(noise(1, np.uint8), SAID, Payload())]
    assert back(parts).stream == "demo"
