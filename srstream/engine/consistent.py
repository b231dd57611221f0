"""Consistent bicubic: an enlargement that shrinks back to the picture it came from, nearly.

Back-projection (Irani and Peleg, "Improving resolution by image registration", 1991)
adds back, again and again, what an enlargement U lacks when shrunk by D. With both linear
and nothing else in between, it converges to U f with D U f = identity: a fixed filter f
on the small picture, before the ordinary enlargement. Nothing is learnt, and nothing is
random. It costs a filter and gains about 1.2 dB over U alone, where D is how the picture
was really made.

Of noise in [0, 1] what shrinks back is within 0.0012 of what it was: the filter is cut off.
The two pixels next to a border are off by up to 0.06, where U alone is off by 0.4: at
borders U and D weigh otherwise, and the filter is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from srstream.engine.banded import enlarge_banded, is_banded_faster
from srstream.engine.resample import enlarge, resize, shrink

TAPS = 13
"""Of the filter, in each direction: what lies beyond is below a thousandth."""
REACH = TAPS // 2
"""Pixels to either side that the filter reads."""
_LINE = 121
"""Pixels of the line the filter is derived on: its middle does not notice the ends."""
_GRID = 2.0**22
"""Taps are whole multiples of 1/_GRID: float32 then holds each of them, and their sum of
1, exactly. So what is flat stays as it is, but for the rounding of the products."""

Shrink = Callable[[Tensor, int], Tensor]
"""D: [B, C, s*h, s*w] -> [B, C, h, w], linear, alike in both directions and at every
pixel away from the borders."""


@cache
def inverse_filter(scale: int, degradation: Shrink = shrink) -> tuple[float, ...]:
    """Return the taps of f for D = `degradation` and U = `enlarge`.

    The middle row of (D U)^-1 on a line of pixels, cut off after `TAPS`, normalised.
    """
    # Each row of pixels is one unit line, as high as D needs it to be.
    lines = torch.eye(_LINE, dtype=torch.float64)[:, None, None, :]
    there_and_back = degradation(enlarge(lines, scale), scale)[:, 0, 0].T
    middle = torch.linalg.inv(there_and_back)[_LINE // 2]
    taps = middle[_LINE // 2 - REACH : _LINE // 2 + REACH + 1]
    taps = (taps + taps.flip(0)) / (2 * taps.sum())
    taps = (taps * _GRID).round() / _GRID
    taps[REACH] += 1.0 - taps.sum()
    return tuple(taps.tolist())


def sharpen(low: Tensor, taps: Sequence[float]) -> Tensor:
    """[B, C, h, w] -> the same: a symmetric filter along rows and columns.

    Pixels beyond the borders are those at the borders.
    """
    reach = len(taps) // 2
    along_rows = F.pad(low, (reach, reach, 0, 0), mode="replicate")
    low = _filtered(along_rows, taps, axis=-1)
    along_columns = F.pad(low, (0, 0, reach, reach), mode="replicate")
    return _filtered(along_columns, taps, axis=-2)


def _filtered(padded: Tensor, taps: Sequence[float], *, axis: int) -> Tensor:
    """Sum shifted copies: a tenth of the time of a convolution of one channel."""
    reach = len(taps) // 2
    length = padded.shape[axis] - 2 * reach
    total = padded.narrow(axis, reach, length) * taps[reach]
    for away in range(1, reach + 1):
        before = padded.narrow(axis, reach - away, length)
        after = padded.narrow(axis, reach + away, length)
        total.add_(before + after, alpha=taps[reach + away])
    return total


def enlarge_consistently(low: Tensor, scale: int) -> Tensor:
    """[B, C, h, w] -> [B, C, s*h, s*w]: U f, for D = `shrink`."""
    if is_banded_faster(low):
        return enlarge_banded(low, scale, line_of_enlarge_consistently)
    return enlarge(sharpen(low, inverse_filter(scale)), scale)


def line_of_enlarge_consistently(side: int, scale: int) -> Tensor:
    """Return U f along one side as a matrix [s * side, side], float64."""
    # One row of pixels for each: the filter along columns then changes nothing.
    units = torch.eye(side, dtype=torch.float64)[:, None, None, :]
    sharpened = sharpen(units, inverse_filter(scale))
    return resize(sharpened, 1, side * scale)[:, 0, 0].T
