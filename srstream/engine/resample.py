"""Shrink and enlarge by antialiased bicubic: K and U of paper 1, section 2.1.

The kernel is that of MATLAB's imresize (Keys, a = -0.5), widened by the scale when
shrinking. torch's antialiased bicubic equals it away from borders, where torch divides by
the weights that are left and imresize mirrors. Without `antialias` torch takes a = -0.75.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

ENLARGE_REACH = 2
"""Low-resolution pixels to either side that an enlarged one is made of, at every scale."""


def resize(picture: Tensor, height: int, width: int) -> Tensor:
    """[B, C, H, W] float -> [B, C, height, width]."""
    return F.interpolate(picture, size=(height, width), mode="bicubic", antialias=True)


def shrink(picture: Tensor, scale: int) -> Tensor:
    """[B, C, s*h, s*w] -> [B, C, h, w]: K. The sides must be multiples of `scale`."""
    height, width = picture.shape[-2:]
    return resize(picture, height // scale, width // scale)


def enlarge(picture: Tensor, scale: int) -> Tensor:
    """[B, C, h, w] -> [B, C, s*h, s*w]: U."""
    height, width = picture.shape[-2:]
    return resize(picture, height * scale, width * scale)
