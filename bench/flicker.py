"""How much an enlarged clip flickers: what changes in it and does not in the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LUMA = np.array([65.481, 128.553, 24.966], dtype=np.float32) / 255.0
"""Of R, G and B: BT.601, as PSNR of the luma takes it; its offset cancels here."""


def error_of(truth: NDArray[np.uint8], result: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return result - truth of two pictures [H, W, 3]."""
    return np.subtract(result, truth, dtype=np.int16)


def flicker(before: NDArray[np.int16], now: NDArray[np.int16]) -> float:
    """Return the mean of |(out - out before) - (truth - truth before)| in codes of luma.

    Args:
        before: the error of a frame [H, W, 3], of `error_of`.
        now: that of the next.
    """
    return float(np.abs((now - before) @ _LUMA).mean())
