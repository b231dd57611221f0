"""Whatever a message holds: it is understood, or refused with one of the reasons."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from srstream.errors import Refused
from srstream.frames import Picture
from srstream.wire.fields import MAX_TEXT
from srstream.wire.incoming import read_message
from srstream.wire.message import Message, Said, Statistics
from srstream.wire.reasons import Reason

MAX_PIXELS = 64
"""Of a frame: so that shapes come near the limit."""


def _file(kind: str) -> bytes:
    out = BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(out, kind)
    return out.getvalue()


_RAW = {"dtype": "uint8", "shape": [4, 4, 3]}
_FLOAT = {"dtype": "float32", "shape": [2, 3, 2]}
_NETGEAR = {"terminate_flag": False, "compression": False, "message": None, "pattern": "1"}
_ABOUT = {"stream": "demo", "seq": 7, "pts": -1, "time_base": [1, 25], "stats": {"v": 1}}
_STATS = {"srstream": 1, "kind": "stats", "stream": "demo", "stats": {"v": 1}}
GOOD: list[tuple[dict[str, Any], bytes | None]] = [
    ({"srstream": 1, "kind": "frame", "order": "rgb"} | _RAW | _ABOUT, bytes(48)),
    ({"srstream": 1, "sender": "cam1", "trace": "a"} | _FLOAT, bytes(48)),
    ({"srstream": 1, "encoding": "jpeg"}, _file("JPEG")),
    ({"srstream": 1, "encoding": "png"}, _file("PNG")),
    (_STATS, None),
    ({"msg": "cam1"} | _RAW, bytes(48)),
    ({"msg": "cam1", "src": "cam1", "src_seq": 1} | _RAW | _ABOUT, bytes(48)),
    ({"msg": "cam1"}, _file("JPEG")),
    (_NETGEAR | _RAW, bytes(48)),
    (_NETGEAR | {"compression": {"dct": True}, "dtype": "", "shape": ""}, _file("JPEG")),
    ({"terminate_flag": True}, None),
]
KEYS = sorted({key for header, _ in GOOD for key in header} | {"port", "space", "run"})

WORDS = st.sampled_from(
    ["frame", "stats", "raw", "jpeg", "png", "grey", "bgr", "bgra", "uint16", ">u2", "<f4"]
)
NUMBERS = st.sampled_from(
    [0, 1, -1, 2, 3, 4, 5, 8, 64, 65, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, 0.5, -0.0]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=12) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
SHAPES = st.lists(st.integers(-1, 9) | NUMBERS | VALUES, max_size=5)


def check(parts: list[bytes]) -> None:
    """Read a message as a source does, and hold what comes of it to the contract."""
    try:
        said = read_message(parts, max_pixels=MAX_PIXELS)
        picture = said.read() if isinstance(said, Message) else None
    except Refused as error:
        refused = error
    else:
        check_understood(said, picture, length=sum(map(len, parts)))
        return
    assert refused.reason in set(Reason)
    assert str(refused).isprintable()
    assert len(str(refused)) < 1000


def check_understood(said: Said, picture: Picture | None, *, length: int) -> None:
    if isinstance(said, Statistics):
        orjson.dumps(said.stats)
    if isinstance(said, Message):
        assert length <= said.nbytes <= 41 * length  # 40 of statistics, unpacked
        for text in (said.origin.sender, said.stream, said.run, said.origin.trace or ""):
            assert text.isprintable()
            assert len(text) <= MAX_TEXT
        orjson.dumps([said.stats, said.seq, said.origin.pts, said.origin.time_base])
    if picture is not None:
        height, width, channels = picture.pixels.shape
        assert 1 <= height * width <= MAX_PIXELS
        assert 1 <= channels <= 4
        assert picture.pixels.dtype in (np.uint8, np.uint16, np.float32)
        assert np.isfinite(picture.pixels).all()


def parts_of(header: dict[str, Any], payload: bytes | None) -> list[bytes]:
    written = json.dumps(header).encode()
    return [written] if payload is None else [written, payload]


_TELLING = [b"\xff" * 4, b"{", b"[", b'"']


def mutated(data: st.DataObject, good: bytes) -> bytes:
    """Some bytes replaced, left out or put in."""
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(bad)))
        left_out = data.draw(st.sampled_from([0, 1, 1, 1, 2, 4, 16, len(bad)]))
        put_in = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"{", b"["])
        )
        bad[start : start + left_out] = put_in
    return bytes(bad)


fuzz = settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@fuzz
@given(st.sampled_from(GOOD), st.data())
def test_headers_with_other_values(
    good: tuple[dict[str, Any], bytes | None], data: st.DataObject
) -> None:
    header, payload = good
    keys = data.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True))
    changed = {key: data.draw(SHAPES if key == "shape" else VALUES) for key in keys}
    left_out = data.draw(st.sets(st.sampled_from(sorted(header)), max_size=2))
    bad = {key: value for key, value in (header | changed).items() if key not in left_out}
    check(parts_of(bad, payload))


@fuzz
@given(st.sampled_from(GOOD), st.data())
def test_headers_with_other_bytes(
    good: tuple[dict[str, Any], bytes | None], data: st.DataObject
) -> None:
    parts = parts_of(*good)
    check([mutated(data, parts[0]), *parts[1:]])


@fuzz
@given(st.sampled_from([each for each in GOOD if each[1]]), st.data())
def test_payloads_with_other_bytes(
    good: tuple[dict[str, Any], bytes], data: st.DataObject
) -> None:
    header, payload = good
    check(parts_of(header, mutated(data, payload)))


@fuzz
@given(
    st.sampled_from([">u2", "<u2", "uint8", "<f4", ">f4", "float64"]), SHAPES, st.binary()
)
def test_any_type_and_shape_with_any_bytes(
    dtype: str, shape: list[Any], payload: bytes
) -> None:
    for start in ({"srstream": 1}, {"msg": "cam1"}, {"terminate_flag": False}):
        check(parts_of(start | {"dtype": dtype, "shape": shape}, payload))


@fuzz
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([part for good in GOOD for part in parts_of(*good)])
        | st.sampled_from([b"", b"demo/frame", b"demo/stats", b"{}", b"[" * 2000]),
        max_size=5,
    )
)
def test_any_parts_in_any_order(parts: list[bytes]) -> None:
    check(parts)


def test_what_is_mutated_here_is_understood_as_it_stands() -> None:
    for header, payload in GOOD:
        said = read_message(parts_of(header, payload), max_pixels=MAX_PIXELS)
        if isinstance(said, Message):
            assert said.read().size
