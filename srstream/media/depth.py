"""From floats to 16 bits a channel, and from either to 8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srstream.frames import Pixels


def to_8bit(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the pixels with 8 bits a channel, each rounded to the nearest level.

    65535 is 255 times 257, so level v of 16 bits is v / 257 of 8 bits; taking the upper
    byte instead would darken by half a level on average.
    """
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype == np.float32:
        return _levels(pixels, 255).astype(np.uint8)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def to_16bit(pixels: Pixels) -> NDArray[np.uint16]:
    """Return floats, or pixels of 16 bits, with 16 bits a channel, rounded."""
    if pixels.dtype == np.float32:
        return _levels(pixels, 65_535).astype(np.uint16)
    return pixels.astype(np.uint16, copy=False)


def _levels(pixels: Pixels, top: int) -> NDArray[np.float32]:
    """Return floats as whole levels from 0 to `top`."""
    levels = np.clip(pixels, 0, 1).astype(np.float32, copy=False)
    levels *= top
    return np.rint(levels, out=levels)
