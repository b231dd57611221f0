"""Frames and statistics to the parts of messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import orjson

from srstream.frames import Extras, Origin, Pixels
from srstream.media.encode import encode_picture
from srstream.media.printable import encodable
from srstream.wire.colours import contiguous_in_other_order, other_order
from srstream.wire.message import VERSION

Encoding: TypeAlias = Literal["raw", "jpeg", "png"]
Part: TypeAlias = bytes | memoryview

_ORDERS = {1: "grey", 2: "greya", 3: "rgb", 4: "rgba"}
_PNG_COMPRESSION = 1  # who sends frames is in a hurry: a third faster than for files


@dataclass(frozen=True, slots=True)
class Payload:
    """How pixels are written."""

    encoding: Encoding = "raw"
    quality: int = 90
    """Of JPEG, 1 to 100."""


@dataclass(frozen=True, slots=True)
class Published:
    """What is said of a frame beside its pixels; empty or none is left out."""

    stream: str = ""
    seq: int | None = None
    run: str = ""
    scale: int | None = None
    origin: Origin = field(default_factory=Origin)
    stats: Mapping[str, Any] | None = None


def native_message(pixels: Pixels, said: Published, payload: Payload) -> list[Part]:
    """Return header and pixels; raw ones without a copy where they are contiguous.

    So are those that came as BGR and were only mirrored: they leave as BGR.

    Raises:
        SinkError: the encoding cannot hold them.
    """
    header: dict[str, Any] = {"srstream": VERSION, "kind": "frame"}
    if payload.encoding == "raw":
        order = _ORDERS[pixels.shape[2]]
        if _is_mirrored(pixels):
            pixels, order = other_order(pixels), "bgr"
        pixels = _as_sent(pixels)
        header |= {
            "encoding": "raw",
            "dtype": pixels.dtype.name,
            "shape": pixels.shape,
            "order": order,
        }
        body = pixels.data.cast("B")
    else:
        header["encoding"] = payload.encoding
        body = memoryview(_encoded(pixels, payload))
    return [_json(header | _about(said) | _sender("sender", said)), body]


def native_statistics(said: Published) -> list[Part]:
    """Return header of a message of statistics alone (one part)."""
    header = {"srstream": VERSION, "kind": "stats", "stats": {}}
    return [_json(header | _about(said) | _sender("sender", said))]


def imagezmq_message(pixels: Pixels, said: Published, payload: Payload) -> list[Part]:
    """Return the two parts that an unmodified `ImageHub` reads; colours are BGR.

    Grey is [H, W]. What is said of the frame stands in keys that such a hub ignores.

    Raises:
        SinkError: the encoding cannot hold them.
    """
    header: dict[str, Any] = {"msg": encodable(said.origin.sender or said.stream)}
    if payload.encoding == "raw":
        pixels = _as_sent(contiguous_in_other_order(pixels))
        height, width, channels = pixels.shape
        header["dtype"] = pixels.dtype.name
        header["shape"] = (height, width) if channels == 1 else pixels.shape
        body = pixels.data.cast("B")
    else:
        body = memoryview(_encoded(pixels, payload))
    return [_json(header | _about(said) | _sender("src", said)), body]


def nbytes_of(part: Part) -> int:
    """Return the size of a part, in bytes."""
    return part.nbytes if isinstance(part, memoryview) else len(part)


def topic(stream: str, kind: Literal["frame", "stats"]) -> bytes:
    """Return the part that goes before a native message on PUB."""
    return f"{stream}/{kind}".encode()


def _about(said: Published) -> dict[str, Any]:
    origin = said.origin
    fields: dict[str, Any] = {
        "stream": encodable(said.stream),
        "seq": said.seq,
        "run": encodable(said.run),
        "scale": said.scale,
        "src_seq": origin.seq,
        "pts": origin.pts,
        "time_base": origin.time_base,
        "space": encodable(origin.space or ""),
        "trace": encodable(origin.trace or ""),
        "stats": None if said.stats is None else dict(said.stats),
    }
    return {key: value for key, value in fields.items() if value not in (None, "")}


def _sender(key: str, said: Published) -> dict[str, str]:
    return {key: encodable(said.origin.sender)} if said.origin.sender else {}


def _json(header: Mapping[str, Any]) -> bytes:
    return orjson.dumps(header)


def _is_mirrored(pixels: Pixels) -> bool:
    return pixels.shape[2] == 3 and other_order(pixels).flags.c_contiguous


def _as_sent(pixels: Pixels) -> Pixels:
    """Return the pixels in C order and little-endian."""
    return cast("Pixels", np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")))


def _encoded(pixels: Pixels, payload: Payload) -> bytes:
    return encode_picture(
        pixels,
        Extras(),
        format="png" if payload.encoding == "png" else "jpg",
        quality=payload.quality,
        compression=_PNG_COMPRESSION,
    )
