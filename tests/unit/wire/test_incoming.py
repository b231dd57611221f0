from __future__ import annotations

import json
import tracemalloc
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srstream.errors import Refused
from srstream.frames import Origin, Picture
from srstream.wire.incoming import MAX_HEADER, read_message
from srstream.wire.message import Goodbye, Message, Statistics
from srstream.wire.reasons import Reason

PLENTY = 10_000
RAW = bytes(range(72))
"""4x6 pixels of three channels."""


def picture_file(kind: str = "JPEG", *, size: tuple[int, int] = (8, 6)) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (200, 30, 90)).save(out, kind)
    return out.getvalue()


def message(*parts: bytes | dict[str, Any], order: Any = "bgr") -> Message:
    said = read_message(
        [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts],
        max_pixels=PLENTY,
        order=order,
    )
    assert isinstance(said, Message)
    return said


def picture(*parts: bytes | dict[str, Any], order: Any = "bgr") -> Picture:
    return message(*parts, order=order).read()


def reason(*parts: bytes | dict[str, Any]) -> str:
    with pytest.raises(Refused) as refused:
        picture(*parts)
    assert str(refused.value).isprintable()
    assert refused.value.reason in list(Reason)
    return refused.value.reason


def native(**said: Any) -> dict[str, Any]:
    header = {"srstream": 1, "dtype": "uint8", "shape": [4, 6, 3]} | said
    return {key: value for key, value in header.items() if value != "absent"}


# --- what unmodified senders send, captured -------------------------------------------


def test_a_raw_frame_of_imagezmq_is_mirrored_to_rgb_without_a_copy() -> None:
    header = b'{"msg": "cam1", "dtype": "uint8", "shape": [4, 6, 3]}'
    said = message(header, RAW)
    assert said.format == "imagezmq"
    assert said.origin == Origin(sender="cam1")
    assert said.nbytes == len(header) + len(RAW)
    pixels = said.read().pixels
    bgr = np.frombuffer(RAW, np.uint8).reshape(4, 6, 3)
    np.testing.assert_array_equal(pixels, bgr[:, :, [2, 1, 0]])
    assert np.shares_memory(pixels, np.frombuffer(RAW, np.uint8))


def test_a_jpeg_of_imagezmq_has_a_name_only() -> None:
    said = message(b'{"msg": "K\\u00e4m"}', picture_file())
    assert said.origin.sender == "Käm"
    assert said.read().size == (8, 6)
    red, green, blue = said.read().pixels[3, 4].astype(int)
    assert np.abs(np.array([red - 200, green - 30, blue - 90])).max() <= 4


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("uint8", "u1"), ("uint16", "<u2"), (">u2", ">u2"), ("float32", "<f4")],
)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_each_type_of_imagezmq_comes_out_in_native_order(
    dtype: str, kind: str, channels: int
) -> None:
    top = 1 if dtype == "float32" else 255
    values = np.random.default_rng(4).random((4, 6, channels)) * top
    sent = values.astype(kind)
    header = {"msg": "cam1", "dtype": dtype, "shape": [4, 6, channels]}
    pixels = picture(header, sent.tobytes()).pixels
    assert pixels.dtype == np.dtype(kind).newbyteorder("=")
    order = [[0], [0, 1], [2, 1, 0], [2, 1, 0, 3]][channels - 1]
    np.testing.assert_array_equal(pixels, sent[:, :, order])


def test_grey_of_imagezmq_has_two_dimensions() -> None:
    header = b'{"msg": "cam1", "dtype": "uint8", "shape": [8, 9]}'
    assert picture(header, RAW).pixels.shape == (8, 9, 1)


def test_a_structured_type_is_refused() -> None:
    header = {"msg": "cam1", "dtype": "[('a', 'u1'), ('b', 'u1')]", "shape": [4, 6]}
    assert reason(header, RAW) == Reason.DTYPE


@pytest.mark.parametrize(
    ("msg", "sender"),
    [
        ('["a", 1]', '["a",1]'),
        ('{"room": 2}', '{"room":2}'),
        ("7", "7"),
        ("null", "null"),
        ("true", "true"),
        ('"two\\nlines"', "two\\nlines"),
        ('"\\u001b[31mred"', "\\x1b[31mred"),
        (json.dumps("n" * 5000), "n" * 200),
        (json.dumps("\n" * 199), "\\n" * 100),
    ],
)
def test_any_name_becomes_one_bounded_line(msg: str, sender: str) -> None:
    header = f'{{"msg": {msg}, "dtype": "uint8", "shape": [4, 6, 3]}}'.encode()
    assert message(header, RAW).origin.sender == sender


def test_a_name_that_is_not_strict_json_is_refused() -> None:
    header = b'{"msg": NaN, "dtype": "uint8", "shape": [4, 6, 3]}'
    assert reason(header, RAW) == Reason.HEADER_JSON


def test_a_raw_frame_of_netgear_has_no_name() -> None:
    said = message(
        b'{"terminate_flag": false, "compression": false, "message": null, '
        b'"pattern": "1", "dtype": "uint8", "shape": [4, 6, 3]}',
        RAW,
    )
    assert (said.format, said.origin) == ("netgear", Origin())
    bgr = np.frombuffer(RAW, np.uint8).reshape(4, 6, 3)
    np.testing.assert_array_equal(said.read().pixels, bgr[:, :, ::-1])


@pytest.mark.parametrize("port", ["5567", 5567])
def test_a_jpeg_of_netgear_among_several_senders_is_named_by_its_port(port: Any) -> None:
    header = {
        "port": port,
        "terminate_flag": False,
        "compression": {"dct": True, "ups": False, "colorspace": "BGR"},
        "message": {"any": ["thing"]},
        "pattern": "1",
        "dtype": "",
        "shape": "",
    }
    said = message(header, picture_file())
    assert said.origin.sender == "5567"
    assert said.read().size == (8, 6)


def test_the_goodbye_of_netgear_has_one_part() -> None:
    said = read_message([b'{"terminate_flag": true}'], max_pixels=PLENTY)
    assert said == Goodbye()


def test_bytes_as_they_are_take_no_time_and_all_else_does() -> None:
    def is_quick(header: dict[str, Any], payload: bytes) -> bool:
        return message(header, payload).at_once

    netgear = {"terminate_flag": False, "dtype": "uint8", "shape": [1, 2, 3]}
    imagezmq = {"msg": "a", "dtype": "uint8", "shape": [1, 2, 3]}
    assert is_quick(native(shape=[1, 2, 3], dtype="uint8"), bytes(6))
    assert is_quick(netgear, bytes(6))
    assert is_quick(imagezmq, bytes(6))
    assert not is_quick(native(shape=[1, 2, 3], dtype="uint16"), bytes(12))
    assert not is_quick(native(shape=[1, 2, 3], dtype="float32"), bytes(24))
    assert not is_quick({"msg": "a"}, picture_file())


def test_colours_said_to_be_rgb_are_not_mirrored() -> None:
    header = {"msg": "cam1", "dtype": "uint8", "shape": [4, 6, 3]}
    assert picture(header, RAW, order="rgb").pixels.tobytes() == RAW


# --- our own --------------------------------------------------------------------------


def test_a_native_frame_needs_version_dtype_and_shape_only() -> None:
    said = message(native(), RAW)
    assert (said.format, said.origin, said.stream) == ("native", Origin(), "")
    assert (said.seq, said.run, said.scale, said.stats) == (None, "", None, None)
    assert said.read().pixels.tobytes() == RAW  # rgb, whatever foreign senders are


def test_all_that_a_native_header_says_is_read() -> None:
    said = message(
        native(
            kind="frame",
            encoding="raw",
            order="bgr",
            stream="demo",
            seq=7,
            run="5f0c2a",
            scale=2,
            sender="cam1",
            src_seq=41,
            pts=-1800,
            time_base=[1, 90_000],
            space="srgb",
            trace="4bf92f35",
            stats={"v": 1},
        ),
        RAW,
    )
    assert said.origin == Origin("cam1", 7, -1800, (1, 90_000), "srgb", "4bf92f35")
    assert (said.stream, said.seq, said.run, said.scale) == ("demo", 7, "5f0c2a", 2)
    assert said.stats == {"v": 1}
    bgr = np.frombuffer(RAW, np.uint8).reshape(4, 6, 3)
    np.testing.assert_array_equal(said.read().pixels, bgr[:, :, ::-1])


def test_null_is_as_good_as_absent() -> None:
    keys = ("kind", "encoding", "order", "stream", "seq", "pts", "time_base", "stats")
    said = message(native(**dict.fromkeys(keys)), RAW)
    assert (said.origin, said.stream, said.stats) == (Origin(), "", None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_an_encoded_picture_tells_of_itself(kind: str, encoding: str) -> None:
    header = {"srstream": 1, "encoding": encoding, "shape": "ignored"}
    assert picture(header, picture_file(kind)).size == (8, 6)


@pytest.mark.parametrize("topic", [b"demo/frame", b"/frame", b"demo/stats"])
def test_a_topic_before_the_header_is_left_out(topic: bytes) -> None:
    assert message(topic, native(stream="demo"), RAW).stream == "demo"


def test_a_topic_counts_as_well_however_long_it_is() -> None:
    header = json.dumps(native()).encode()
    said = message(b"x" * 100_000 + b"/frame", header, RAW)
    assert said.nbytes == 100_006 + len(header) + len(RAW)


def test_statistics_count_with_what_they_take_when_they_are_unpacked() -> None:
    def frame() -> Message:
        return message({"msg": "cam1", "stats": {"a": [{"": {}}] * 6000}}, picture_file())

    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        said = frame()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before > 1_000_000
    assert said.nbytes > after - before


def test_statistics_come_alone_with_and_without_topic() -> None:
    header = b'{"srstream": 1, "kind": "stats", "stream": "demo", "stats": {"v": 1}}'
    expected = Statistics("demo", {"v": 1})
    assert read_message([header], max_pixels=1) == expected
    assert read_message([b"demo/stats", header], max_pixels=1) == expected


@pytest.mark.parametrize("channels", [3, 4])
def test_the_order_is_that_of_the_header_whatever_is_set(channels: int) -> None:
    sent = np.arange(24 * channels, dtype=np.uint8).reshape(4, 6, channels)
    for set_to in ("rgb", "bgr"):
        for order in ("rgb", "bgr"):
            name = order + "a" * (channels - 3)
            header = native(shape=[4, 6, channels], order=name)
            pixels = picture(header, sent.tobytes(), order=set_to).pixels
            red = pixels[:, :, 0]
            np.testing.assert_array_equal(red, sent[:, :, 0 if order == "rgb" else 2])


def test_pixels_at_an_odd_address_come_out_aligned() -> None:
    sent = np.arange(24, dtype="<u2").reshape(4, 6, 1)
    buffer = memoryview(b"x" + sent.tobytes())[1:]
    header = json.dumps(native(dtype="uint16", shape=[4, 6])).encode()
    said = read_message([header, buffer], max_pixels=PLENTY)
    assert isinstance(said, Message)
    pixels = said.read().pixels
    assert pixels.flags.aligned
    np.testing.assert_array_equal(pixels, sent)


@pytest.mark.parametrize("format_", ["native", "imagezmq"])
def test_what_srstream_adds_to_a_header_of_imagezmq_is_read_but_never_refused(
    format_: str,
) -> None:
    about = {"seq": 3, "pts": 1, "time_base": [1, 25], "stream": "demo", "stats": {"v": 1}}
    foreign = {"msg": "cam1", "dtype": "uint8", "shape": [4, 6, 3]}
    header = native() if format_ == "native" else foreign
    said = message(header | about, RAW)
    assert (said.seq, said.stream, said.stats) == (3, "demo", {"v": 1})
    assert (said.origin.pts, said.origin.time_base) == (1, (1, 25))
    wrong = {"seq": "3", "pts": 0.25, "time_base": 25, "stream": 1, "stats": []}
    if format_ == "native":
        assert reason(header | wrong, RAW) == Reason.FIELD
    else:
        said = message(header | wrong, RAW)
        assert (said.origin, said.stats) == (Origin(sender="cam1"), None)


# --- what is refused ------------------------------------------------------------------

DEEP = "[" * 1000 + "]" * 1000
ONE = json.dumps(native())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], Reason.PARTS),
        ([b""] * 4, Reason.PARTS),
        ([native(), RAW, b""], Reason.PARTS),
        ([native()], Reason.PARTS),
        ([native(kind="stats", stats={}), RAW], Reason.PARTS),
        ([b'{"msg": "cam1"}'], Reason.PARTS),
        ([b'{"terminate_flag": false}'], Reason.PARTS),
        ([b" " * MAX_HEADER + b"{}", RAW], Reason.HEADER_LENGTH),
        ([b"", RAW], Reason.HEADER_JSON),
        ([b"\xff\xfe", RAW], Reason.HEADER_JSON),
        ([b"demo/frame", RAW], Reason.HEADER_JSON),
        ([b"[" * 60_000, RAW], Reason.HEADER_JSON),
        ([b'{"msg": "\\ud800"}', RAW], Reason.HEADER_JSON),
        ([DEEP.encode(), RAW], Reason.HEADER_OBJECT),
        ([b"[]", RAW], Reason.HEADER_OBJECT),
        ([b"null", RAW], Reason.HEADER_OBJECT),
        ([b"{}", RAW], Reason.FORMAT),
        ([b'{"dtype": "uint8", "shape": [4, 6, 3]}', RAW], Reason.FORMAT),
        ([native(srstream=2), RAW], Reason.VERSION),
        ([native(srstream=True), RAW], Reason.VERSION),
        ([native(srstream="1"), RAW], Reason.VERSION),
        ([native(srstream=None), RAW], Reason.VERSION),
        ([native(kind="video"), RAW], Reason.FIELD),
        ([native(kind=[]), RAW], Reason.FIELD),
        ([native(kind="stats")], Reason.FIELD),
        ([native(kind="stats", stats="v")], Reason.FIELD),
        ([native(encoding="webp"), RAW], Reason.FIELD),
        ([native(encoding=0), RAW], Reason.FIELD),
        ([native(order="rgba"), RAW], Reason.FIELD),
        ([native(order=3), RAW], Reason.FIELD),
        ([native(sender=3), RAW], Reason.FIELD),
        ([native(stream=["a"]), RAW], Reason.FIELD),
        ([native(seq=-1), RAW], Reason.FIELD),
        ([native(seq=True), RAW], Reason.FIELD),
        ([native(seq=1.0), RAW], Reason.FIELD),
        ([native(seq=2**63), RAW], Reason.FIELD),
        ([native(pts=2**80), RAW], Reason.FIELD),
        ([native(scale=0), RAW], Reason.FIELD),
        ([native(time_base=[1]), RAW], Reason.FIELD),
        ([native(time_base=[1, 0]), RAW], Reason.FIELD),
        ([native(time_base="1/25"), RAW], Reason.FIELD),
        ([native(stats=[]), RAW], Reason.FIELD),
        ([f'{ONE[:-1]}, "stats": {{"a": {DEEP}}}}}'.encode(), RAW], Reason.FIELD),
        ([f'{{"msg": {DEEP}}}'.encode(), RAW], Reason.FIELD),
        ([b'{"terminate_flag": 1}', RAW], Reason.FIELD),
        ([b'{"terminate_flag": null}', RAW], Reason.FIELD),
        ([native(dtype="absent"), RAW], Reason.DTYPE),
        ([native(dtype="object"), RAW], Reason.DTYPE),
        ([native(dtype="float64"), RAW], Reason.DTYPE),
        ([native(dtype="O"), RAW], Reason.DTYPE),
        ([native(dtype=["uint8"]), RAW], Reason.DTYPE),
        ([{"msg": "", "dtype": None, "shape": [4, 6, 3]}, RAW], Reason.DTYPE),
        ([{"terminate_flag": False}, RAW], Reason.DTYPE),
        ([native(shape="absent"), RAW], Reason.SHAPE),
        ([native(shape=72), RAW], Reason.SHAPE),
        ([native(shape=[72]), RAW], Reason.SHAPE),
        ([native(shape=[2, 2, 6, 3]), RAW], Reason.SHAPE),
        ([native(shape=[4, 6, 5]), RAW], Reason.SHAPE),
        ([native(shape=[4, 6, 0]), RAW], Reason.SHAPE),
        ([native(shape=[0, 6, 3]), b""], Reason.SHAPE),
        ([native(shape=[-4, -6, 3]), RAW], Reason.SHAPE),
        ([native(shape=[True, 24, 3]), RAW], Reason.SHAPE),
        ([native(shape=[4.0, 6, 3]), RAW], Reason.SHAPE),
        ([native(shape=["4", 6, 3]), RAW], Reason.SHAPE),
        ([native(shape=[2**70, 1, 1]), RAW], Reason.SHAPE),
        ([native(shape=[101, 100, 1]), bytes(10_100)], Reason.PIXELS),
        ([native(shape=[2**62, 2**62, 4]), RAW], Reason.PIXELS),
        ([native(), RAW[:-1]], Reason.LENGTH),
        ([native(), RAW + b"x"], Reason.LENGTH),
        ([native(), b""], Reason.LENGTH),
        ([native(dtype="uint16"), RAW], Reason.LENGTH),
        ([native(encoding="jpeg"), b""], Reason.NO_PICTURE),
        ([native(encoding="png"), b"GIF89a"], Reason.NO_PICTURE),
        ([b'{"msg": "cam1"}', RAW], Reason.NO_PICTURE),
        ([b'{"msg": "cam1"}', b"II*\0" + RAW], Reason.NO_PICTURE),
        ([native(encoding="jpeg"), picture_file()[:-200]], Reason.NOT_DECODED),
        ([native(encoding="png"), picture_file("PNG")[:40]], Reason.NOT_DECODED),
        (
            [native(encoding="png"), picture_file("PNG", size=(101, 100))],
            Reason.NOT_DECODED,
        ),
    ],
    ids=lambda each: each if isinstance(each, Reason) else "",
)
def test_what_is_wrong_is_refused_with_its_reason(parts: Any, expected: Reason) -> None:
    assert reason(*parts) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.1, -1.1, 3e38])
@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
def test_floats_beyond_the_range_are_refused_when_they_are_read(
    dtype: str, value: float
) -> None:
    sent = np.zeros((4, 6, 3), dtype)
    header = native(dtype=dtype)
    sent[0] = [-1, 0, 2]
    assert picture(header, sent.tobytes()).pixels[0, 0].tolist() == [-1, 0, 2]
    sent[2, 3, 1] = value
    assert reason(header, sent.tobytes()) == Reason.RANGE


def test_a_refusal_says_what_was_found_and_what_is_allowed() -> None:
    with pytest.raises(Refused, match=r'order is "rgba"; allowed: rgb, bgr'):
        message(native(order="rgba"), RAW)
    with pytest.raises(Refused, match="version is not known: is 2; known: 1"):
        message(native(srstream=2), RAW)
    with pytest.raises(Refused, match="71 bytes instead of 72"):
        message(native(), RAW[:-1])
    with pytest.raises(Refused, match="101x100; at most 10000 are taken"):
        message(native(shape=[100, 101]), RAW)


def test_a_refusal_is_short_however_long_what_was_found_is() -> None:
    with pytest.raises(Refused) as refused:
        message(native(dtype="\n" * 30_000), RAW)
    assert len(str(refused.value)) < 400
    assert str(refused.value).isprintable()
