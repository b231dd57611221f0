"""Enlarging by small matrix products: what a linear filter does along rows and columns.

A filter that makes s pixels of each, out of a few around it, is a matrix [s*n, n] along one
side whose entries lie near its diagonal. Cut into blocks of rows, each block needs only a
few columns beside its own: a product of small dense matrices, of which a CPU does most per
second, although many of their entries are zero. For three colours of 480x270 that takes a
fifth of the time of torch's own interpolation after a filter of shifted sums.
What else was tried: docs/decisions/0018-a-frame-beside-its-convolutions.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import torch
from torch import Tensor

BLOCK = 16
"""Pixels of a side that a block makes larger."""
MARGIN = 8
"""Pixels on either side of them that it reads as well: no filter may read farther."""
_SPAN = BLOCK + 2 * MARGIN
_LONGEST = 4 * BLOCK
"""Sides up to this are written out; in longer ones the blocks between the first and the
last two are all alike."""

Line: TypeAlias = Callable[[int, int], Tensor]
"""The filter along a side: side, scale -> [scale * side, side], float64."""


def is_banded_faster(picture: Tensor) -> bool:
    """Tell whether `enlarge_banded` is to be used for it."""
    return picture.device.type == "cpu" and picture.dtype == torch.float32


def enlarge_banded(picture: Tensor, scale: int, line: Line) -> Tensor:
    """[B, C, h, w] -> [B, C, s*h, s*w], a view whose planes lie row beside row.

    Args:
        picture: float32.
        scale: how many pixels come of one, along each side.
        line: a function of a module, as it is remembered by it; reads `MARGIN` pixels to
            either side at most, is the same everywhere but within `MARGIN` of the borders.
    """
    batch, channels, height, width = picture.shape
    planes = batch * channels
    rows, columns = _blocks(height, scale, line), _blocks(width, scale, line)
    count, wide = len(columns), len(columns) * BLOCK * scale
    # Every line of every plane, with a margin of zeros; then a window of it per block.
    lines = picture.new_zeros(planes, height, count * BLOCK + 2 * MARGIN)
    lines[..., MARGIN : MARGIN + width] = picture.reshape(planes, height, width)
    windows = lines.as_strided((count, planes * height, _SPAN), (BLOCK, lines.shape[-1], 1))
    longer = torch.bmm(windows, columns.mT).view(count, planes, height, BLOCK * scale)
    # The same along columns, of all planes at once: they lie beside each other.
    sheet = picture.new_zeros(len(rows) * BLOCK + 2 * MARGIN, planes, wide)
    sheet[MARGIN : MARGIN + height].view(height, planes, count, -1).copy_(
        longer.permute(2, 1, 0, 3)
    )
    across = planes * wide
    windows = sheet.as_strided((len(rows), _SPAN, across), (BLOCK * across, across, 1))
    whole = torch.bmm(rows, windows).view(-1, batch, channels, wide)
    return whole[: height * scale, ..., : width * scale].permute(1, 2, 0, 3)


@lru_cache(maxsize=32)
def _blocks(side: int, scale: int, line: Line) -> Tensor:
    """Return the blocks along a side as [n, s*BLOCK, _SPAN], float32.

    Block k makes the pixels from `s * BLOCK * k` on of those from `BLOCK * k - MARGIN` on;
    what lies beyond the sides counts zero times.
    """
    repeats = max(side - _LONGEST, 0) // BLOCK
    shorter = side - repeats * BLOCK
    count = -(-shorter // BLOCK)
    with torch.inference_mode(mode=False):  # it outlives the caller's mode
        padded = torch.zeros(
            scale * BLOCK * count, BLOCK * count + 2 * MARGIN, dtype=torch.float64
        )
        padded[: scale * shorter, MARGIN : MARGIN + shorter] = line(shorter, scale)
        blocks = torch.stack(
            [
                padded[
                    scale * BLOCK * block : scale * BLOCK * (block + 1),
                    BLOCK * block : BLOCK * block + _SPAN,
                ]
                for block in range(count)
            ]
        ).float()
        if not repeats:
            return blocks
        between = blocks[1:2].expand(repeats, -1, -1)
        return torch.cat([blocks[:1], between, blocks[1:]])
