"""A payload to a picture: raw pixels as a view of the message, JPEG and PNG decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from srstream.errors import FrameError, Refused
from srstream.frames import Picture, Pixels
from srstream.media.decode import decode_picture
from srstream.wire.colours import other_order
from srstream.wire.fields import is_integer, one_line, shown
from srstream.wire.message import Order
from srstream.wire.reasons import Reason

DTYPES = {
    "uint8": "|u1",
    "|u1": "|u1",
    "uint16": "<u2",
    "<u2": "<u2",
    ">u2": ">u2",
    "float32": "<f4",
    "<f4": "<f4",
    ">f4": ">f4",
}
"""What a header may call the kind of its pixels, to what NumPy calls it."""
LEAST, MOST = -1.0, 2.0
"""Floats are 0 to 1; resampling may have left them a little outside, or much."""

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Declared:
    """Raw pixels as a header describes them."""

    height: int
    width: int
    channels: int
    dtype: np.dtype[Any]
    """With its byte order."""


def declared(dtype: object, shape: object, *, max_pixels: int) -> Declared:
    """Check what a header says of raw pixels.

    Args:
        dtype: the name of a type.
        shape: [H, W] or [H, W, 1 to 4].
        max_pixels: width times height at most.

    Raises:
        Refused: it is not that.
    """
    if not isinstance(dtype, str) or dtype not in DTYPES:
        known = ", ".join(DTYPES)
        raise Refused(Reason.DTYPE, f"is {shown(dtype)}; allowed: {known}")
    if (
        not isinstance(shape, list)
        or len(shape) not in (2, 3)
        or not all(is_integer(side, 1) for side in shape)
        or (len(shape) == 3 and shape[2] > 4)
    ):
        allowed = "[height, width] or [height, width, 1 to 4]"
        raise Refused(Reason.SHAPE, f"is {shown(shape)}; allowed: {allowed}")
    height, width, channels = shape if len(shape) == 3 else (*shape, 1)
    if height * width > max_pixels:
        raise Refused(Reason.PIXELS, f"{width}x{height}; at most {max_pixels} are taken")
    return Declared(height, width, channels, np.dtype(DTYPES[dtype]))


def is_view(says: Declared) -> bool:
    """Tell whether a picture of them takes no time: nothing is looked at, or copied."""
    return says.dtype == np.uint8


def raw(payload: memoryview, says: Declared, order: Order) -> Callable[[], Picture]:
    """Check the length of raw pixels; what is returned makes a picture of them.

    Raises:
        Refused: the payload is longer or shorter.
    """
    pixel = says.channels * says.dtype.itemsize
    expected = says.height * says.width * pixel
    if payload.nbytes != expected:
        raise Refused(Reason.LENGTH, f"{payload.nbytes} bytes instead of {expected}")
    return partial(_view, payload, says, order)


def encoded(payload: memoryview, *, max_pixels: int) -> Callable[[], Picture]:
    """Look at the first bytes of a JPEG or PNG; what is returned decodes it.

    Its header is looked at when it is decoded: that takes longer than a loop may wait.

    Raises:
        Refused: it is neither.
    """
    start = bytes(payload[: len(_PNG)])
    if not start.startswith((_JPEG, _PNG)):
        raise Refused(Reason.NO_PICTURE, f"{payload.nbytes} bytes begin with {start!r}")
    return partial(_decoded, payload, max_pixels)


def _view(payload: memoryview, says: Declared, order: Order) -> Picture:
    pixels = np.frombuffer(payload, says.dtype)
    pixels = pixels.reshape(says.height, says.width, says.channels)
    if not pixels.dtype.isnative or not pixels.flags.aligned:
        pixels = pixels.astype(says.dtype.newbyteorder("="))  # a copy is aligned
    if pixels.dtype == np.float32:
        _check_range(pixels)
    taken = cast("Pixels", pixels)
    return Picture(other_order(taken) if order == "bgr" else taken)


def _check_range(pixels: np.ndarray[Any, Any]) -> None:
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= LEAST and high <= MOST):  # so written, it holds for NaN as well
        raise Refused(
            Reason.RANGE, f"{low:g} to {high:g}; allowed: {LEAST:g} to {MOST:g}, finite"
        )


def _decoded(payload: memoryview, max_pixels: int) -> Picture:
    try:
        return decode_picture(bytes(payload), max_pixels=max_pixels)
    except FrameError as error:
        raise Refused(Reason.NOT_DECODED, one_line(f"it {error}")) from error
