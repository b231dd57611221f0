"""The luma of colours: what networks of one channel learn from."""

from __future__ import annotations

from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue: BT.601 in full range, as JPEG has it."""


def luma(picture: Tensor) -> Tensor:
    """[B, 3, H, W] -> [B, 1, H, W]; the same range."""
    grey = picture[:, :1] * LUMA[0]
    return grey.add_(picture[:, 1:2], alpha=LUMA[1]).add_(picture[:, 2:], alpha=LUMA[2])
