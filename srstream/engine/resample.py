"""Shrink and enlarge by antialiased bicubic: K and U of paper 1, section 2.1.

The kernel is that of MATLAB's imresize (Keys, a = -0.5), widened by the scale when
shrinking. torch's antialiased bicubic equals it away from borders, where torch divides by
the weights that are left and imresize mirrors. Without `antialias` torch takes a = -0.75.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from srstream.engine.banded import enlarge_banded, is_banded_faster

ENLARGE_REACH = 2
"""Low-resolution pixels to either side that an enlarged one is made of, at every scale."""

LARGEST_CROP = 128
"""Sides up to which a picture is shrunk by matrices, in a third of the time."""


def resize(picture: Tensor, height: int, width: int) -> Tensor:
    """[B, C, H, W] float -> [B, C, height, width]."""
    return F.interpolate(picture, size=(height, width), mode="bicubic", antialias=True)


def shrink(picture: Tensor, scale: int) -> Tensor:
    """[B, C, s*h, s*w] -> [B, C, h, w]: K. The sides must be multiples of `scale`."""
    height, width = picture.shape[-2:]
    if max(height, width) > LARGEST_CROP:
        return resize(picture, height // scale, width // scale)
    rows = _weights(height, scale, picture.dtype, picture.device)
    columns = _weights(width, scale, picture.dtype, picture.device)
    return rows @ picture @ columns.T


@lru_cache(maxsize=16)
def _weights(side: int, scale: int, kind: torch.dtype, device: torch.device) -> Tensor:
    """Return K along one side as a matrix [side / s, side]."""
    with torch.inference_mode(mode=False):  # it outlives the caller's mode
        unit = torch.eye(side, dtype=kind, device=device)[None, None]
        return resize(unit, side // scale, side)[0, 0]


def enlarge(picture: Tensor, scale: int) -> Tensor:
    """[B, C, h, w] -> [B, C, s*h, s*w]: U."""
    if is_banded_faster(picture):
        return enlarge_banded(picture, scale, line_of_enlarge)
    height, width = picture.shape[-2:]
    return resize(picture, height * scale, width * scale)


def line_of_enlarge(side: int, scale: int) -> Tensor:
    """Return U along one side as a matrix [s * side, side], float64."""
    unit = torch.eye(side, dtype=torch.float64)[None, None]
    return resize(unit, side, side * scale)[0, 0].T
