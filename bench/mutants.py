"""Messages as cameras send them, and what becomes of them in hostile hands.

Captured from unmodified imagezmq 1.2 and NetGear 0.3.6 senders, and our own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from bench.bombs import JPEG, PNG
from srstream.wire.outgoing import (
    Payload,
    Published,
    imagezmq_message,
    native_message,
    native_statistics,
)

Parts: TypeAlias = list[bytes]
_Draw: TypeAlias = np.random.Generator

_WIDTH, _HEIGHT = 6, 4
_BOMBS = (
    "size",
    "largest size",
    "progressive, size",
    "16 bits, size",
    "16 bits, a second header",
    "20,000 scans of 16x16",
    "a hundred texts of 1 MB",
    "texts behind the pixels",
    "animated, 2 billion frames",
)
"""Short ones; all of them are for `bench bombs`."""


def captured() -> dict[str, Parts]:
    """Return messages as they are sent."""
    pixels = np.arange(_HEIGHT * _WIDTH * 3, dtype=np.uint8).reshape(_HEIGHT, _WIDTH, 3)
    deep, floats = pixels.astype(np.uint16) * 257, np.divide(pixels, 255, dtype=np.float32)
    jpeg, png = _encoded(pixels, "JPEG"), _encoded(pixels, "PNG")
    said = Published("cam1", seq=7, run="a1", scale=2, stats={"outcome": "adapted"})
    ours = {
        "native raw": native_message(pixels, said, Payload()),
        "native 16 bits": native_message(deep, said, Payload()),
        "native floats": native_message(floats, said, Payload()),
        "native jpeg": native_message(pixels, said, Payload("jpeg")),
        "native png": native_message(deep, said, Payload("png")),
        "native statistics": native_statistics(said),
        "imagezmq of ours": imagezmq_message(pixels, said, Payload()),
    }
    return {
        "imagezmq raw": [_imagezmq(pixels), pixels.tobytes()],
        "imagezmq grey": [_imagezmq(pixels[..., 0]), pixels[..., 0].tobytes()],
        "imagezmq 16 bits": [_imagezmq(deep), deep.tobytes()],
        "imagezmq big-endian": [_imagezmq(deep.astype(">u2")), deep.byteswap().tobytes()],
        "imagezmq floats": [_imagezmq(floats), floats.tobytes()],
        "imagezmq jpeg": [b'{"msg": "cam1"}', jpeg],
        "imagezmq png": [b'{"msg": "cam1"}', png],
        "netgear raw": [
            b'{"terminate_flag": false, "compression": false, "message": null, '
            b'"pattern": "1", "dtype": "uint8", "shape": [4, 6, 3]}',
            pixels.tobytes(),
        ],
        "netgear jpeg": [
            b'{"port": "5566", "terminate_flag": false, "compression": {"dct": true, '
            b'"ups": false, "colorspace": "BGR"}, "message": null, "pattern": "1", '
            b'"dtype": "", "shape": ""}',
            jpeg,
        ],
        "netgear goodbye": [b'{"terminate_flag": true}'],
        **{name: [bytes(part) for part in parts] for name, parts in ours.items()},
    }


def _imagezmq(pixels: np.ndarray[Any, Any]) -> bytes:
    header = {"msg": "cam1", "dtype": str(pixels.dtype), "shape": pixels.shape}
    return json.dumps(header).encode()


def _encoded(pixels: np.ndarray[Any, Any], kind: str) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def mutants(seed: int) -> Iterator[Parts]:
    """Give messages without end, each made from a captured one by one change, or some."""
    draw = np.random.default_rng(seed)
    seeds = list(captured().values())
    bombs = [bomb.build() for bomb in (*JPEG, *PNG) if bomb.name in _BOMBS]
    while True:
        parts = list(_one_of(draw, seeds))
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            # What has no parts cannot be changed any more.
            parts = parts and _one_of(draw, _CHANGES)(draw, parts, bombs)
        yield parts


def _one_of(draw: _Draw, these: Sequence[Any]) -> Any:
    return these[int(draw.integers(len(these)))]


def _place(draw: _Draw, parts: Parts) -> int:
    """Return the number of a part: the pixels' more often, as a header soon is none."""
    return int(draw.integers(len(parts))) if draw.random() < 0.5 else len(parts) - 1


def _flip(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    del bombs
    place = _place(draw, parts)
    data = bytearray(parts[place])
    for _ in range(draw.integers(1, 9) if data else 0):
        data[draw.integers(len(data))] = draw.integers(256)
    return [*parts[:place], bytes(data), *parts[place + 1 :]]


def _cut(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    del bombs
    place = _place(draw, parts)
    length = int(draw.integers(len(parts[place]) + 1))
    return [*parts[:place], parts[place][:length], *parts[place + 1 :]]


def _grow(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    del bombs
    place = _place(draw, parts)
    more = draw.bytes(int(draw.integers(1, 100)))
    return [*parts[:place], parts[place] + more, *parts[place + 1 :]]


def _splice(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    """Put a piece of a part into the middle of it again."""
    del bombs
    place = _place(draw, parts)
    data = parts[place]
    start, end = sorted(int(n) for n in draw.integers(len(data) + 1, size=2))
    into = int(draw.integers(len(data) + 1))
    data = data[:into] + data[start:end] + data[into:]
    return [*parts[:place], data, *parts[place + 1 :]]


def _field(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    """Write something else into a field of the header."""
    del bombs
    try:
        header = json.loads(parts[0])
    except (ValueError, RecursionError, IndexError):
        return parts
    if not isinstance(header, dict):
        return parts
    key = _one_of(draw, [*header, *_KEYS])
    if draw.random() < 0.15:
        header.pop(key, None)
        return [json.dumps(header).encode(), *parts[1:]]
    mark = '"here"'
    text = json.dumps({**header, key: "here"})
    return [text.replace(mark, _one_of(draw, _VALUES)).encode(), *parts[1:]]


def _shape(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    """Declare another shape; sometimes with a payload as long as that."""
    del bombs
    shape = [int(_one_of(draw, _SIDES)) for _ in range(draw.integers(0, 5))]
    dtype = _one_of(draw, ("uint8", "uint16", "float32", ">u2", "<f4"))
    head = {"msg": "x"} if draw.random() < 0.5 else {"srstream": 1}
    header = json.dumps({**head, "dtype": dtype, "shape": shape}).encode()
    size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    payload = draw.bytes(size) if 0 <= size <= 10_000 else parts[-1]
    return [header, payload]


def _parts(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    """Send other parts: fewer, more, in another order, or none."""
    del bombs
    return list(
        _one_of(
            draw,
            (
                [],
                parts[:1],
                parts[1:],
                parts[::-1],
                [*parts, b""],
                [b"", *parts],
                [b"cam1/frame", *parts],
                parts * 3,
                [b""] * 20,
            ),
        )
    )


def _junk(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    del bombs
    return [draw.bytes(int(draw.integers(200))) for _ in parts]


def _bomb(draw: _Draw, parts: Parts, bombs: Parts) -> Parts:
    """Send a picture that is made to cost much."""
    return [*parts[:1], _one_of(draw, bombs)]


_CHANGES: tuple[Callable[[_Draw, Parts, Parts], Parts], ...] = (
    _flip,
    _flip,
    _cut,
    _grow,
    _splice,
    _field,
    _field,
    _field,
    _field,
    _field,
    _shape,
    _shape,
    _parts,
    _junk,
    _bomb,
)
_KEYS = (
    *("msg", "dtype", "shape", "terminate_flag", "compression", "port", "srstream"),
    *("kind", "encoding", "order", "stream", "sender", "seq", "pts", "time_base"),
    *("space", "trace", "run", "scale", "stats"),
)
_SIDES = (-1, 0, 1, 2, 3, 4, 5, 6, 64, 65_000, 2**31, 2**63, 2**64)
_VALUES = (
    *("null", "true", "false", "0", "-1", "1", "2", "1e400", "-0.0", "NaN", "Infinity"),
    *("9" * 400, "2.5", '""', "[]", "{}", "[1]", "[4, 6, 3]", "[4, 6]", "[4, 6, 3, 1]"),
    *("[65000, 65000, 3]", "[-4, -6, 3]", '["4", 6, 3]', "[4.0, 6, 3]", "[true, 6, 3]"),
    *('"uint8"', '"uint16"', '"float32"', '">u2"', '"object"', '"O"', '"V8"', '"<U4"'),
    *("\"[('a', 'u1')]\"", '"float64"', '"complex64"', '"M8[ns]"', '"raw"', '"jpeg"'),
    *('"png"', '"rgb"', '"bgr"', '"grey"', '"stats"', '"frame"', '"\\u0000\\n\\u202e"'),
    *('"../../etc/passwd"', '"$(true)"', '"\\ud800"', '"' + "x" * 70_000 + '"'),
    "[" * 2_000 + "]" * 2_000,
    '{"a":' * 2_000 + "1" + "}" * 2_000,
    "[" * 30_000,
)
"""JSON, and what is nearly JSON."""
