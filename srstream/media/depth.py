"""From 16 bits a channel to 8."""

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
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
