"""Low/high-resolution pairs made from one frame itself (paper 1, section 2.1).

The frame and smaller versions of it (a pyramid) lie in one buffer on the device, a row of
colour per pixel. A batch is one gather from it: scale, place, and which of the eight
symmetries are all in the index, so there is no loop over samples, no copy to the host, and
no padded pixel. Then x = K(y).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from srstream.engine.options import AdaptOptions
from srstream.engine.resample import resize, shrink

PYRAMID_LEVELS = 6
"""Sizes of the frame to crop from, in equal steps down to `smallest`."""
BATCHES_AT_ONCE = 32
"""Batches whose places are drawn together: a draw costs the same for one as for many."""
MOST_PIXELS = 4_000_000
"""Of a larger frame a random window of this size is learnt from: a pyramid of all of an 8K
frame would take over 2 GB, and few of its pixels would ever be drawn."""


class Batch(NamedTuple):
    """The pairs of one step."""

    low: Tensor
    """[B, 3, c/s, c/s] in [0, 1]: K of `high`."""
    high: Tensor
    """[B, 3, c, c] in [0, 1]."""
    trainable: Tensor
    """[B, 1, c, c]: 0 at held-out pixels of `high`, else 1."""


class Pairs:
    """The pairs of one frame."""

    def __init__(
        self,
        frame: Tensor,
        trainable: Tensor,
        *,
        options: AdaptOptions,
        scale: int,
        generator: Generator,
    ) -> None:
        """Lay out the pyramid.

        Args:
            frame: [1, 3, H, W] in [0, 1].
            trainable: [1, 1, H, W]; 1 where a pixel may be learnt from, 0 where held out.
            options: crop, pairs, batch, the pyramid.
            scale: 2, 3 or 4.
            generator: on the frame's device; draws everything.
        """
        self._options = options
        self._scale = scale
        self._generator = generator
        frame, trainable = _window(frame, trainable, generator)
        self._crop = crop_side(frame.shape[-2:], options.crop, scale)
        self._rows, self._levels = _pyramid(
            frame, trainable, smallest=options.smallest, crop=self._crop
        )

    def batches(self) -> Iterator[Batch]:
        """Yield batches without end: of a fixed number of pairs, or always new ones."""
        for places in self._places():
            rows = _crop_rows(places, self._crop)
            side = self._crop
            # Gathered pixel by pixel the crops are channels-last, as convolutions like.
            crops = self._rows[rows.flatten()].view(-1, side, side, 4).permute(0, 3, 1, 2)
            high = crops[:, :3]
            yield Batch(shrink(high, self._scale), high, crops[:, 3:])

    def _places(self) -> Iterator[Tensor]:
        """Yield the places [3, B] of batch after batch."""
        size, pairs = self._options.batch, self._options.pairs
        if pairs is None:
            while True:
                yield from _split(self._draw(size * BATCHES_AT_ONCE), size)
        fixed = self._draw(pairs)
        while True:
            order = torch.randperm(pairs, generator=self._generator, device=fixed.device)
            yield from _split(fixed[:, order], size)

    def _draw(self, count: int) -> Tensor:
        """Draw the places [3, n] of some pairs.

        Returns:
            For each: the buffer row of the crop's first pixel, the width of its level, and
            its symmetry, 0 to 7.
        """
        draws = torch.rand(5, count, generator=self._generator, device=self._rows.device)
        as_is = draws[0] < self._options.as_is
        level = (draws[1] * self._levels.shape[1]).long().masked_fill(as_is, 0)
        symmetry = (draws[2] * 8).long().masked_fill(as_is, 0)
        first, height, width = self._levels[:, level]
        top = (draws[3] * (height - self._crop + 1)).long()
        left = (draws[4] * (width - self._crop + 1)).long()
        return torch.stack([first + top * width + left, width, symmetry])


def crop_side(size: tuple[int, ...], wanted: int, scale: int) -> int:
    """Return the side of a crop: `wanted`, clamped to the frame, a multiple of `scale`."""
    return min(wanted, *size) // scale * scale


def _window(
    frame: Tensor, trainable: Tensor, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Cut the same random window from both if the frame is too large."""
    height, width = frame.shape[-2:]
    if height * width <= MOST_PIXELS:
        return frame, trainable
    # Of the frame's shape, unless that is a ribbon narrower than a crop.
    share = math.sqrt(MOST_PIXELS / (height * width))
    narrow = max(int(min(height, width) * share), min(height, width, 256))
    wide = min(max(height, width), MOST_PIXELS // narrow)
    rows, columns = (narrow, wide) if height <= width else (wide, narrow)
    draws = torch.rand(2, generator=generator, device=frame.device).tolist()
    top, left = int(draws[0] * (height - rows + 1)), int(draws[1] * (width - columns + 1))
    window = (..., slice(top, top + rows), slice(left, left + columns))
    return frame[window], trainable[window]


def _pyramid(
    frame: Tensor, trainable: Tensor, *, smallest: float, crop: int
) -> tuple[Tensor, Tensor]:
    """Return all pixels [N, 4] (RGB, trainable) and [3, L]: first row, height, width."""
    height, width = frame.shape[-2:]
    rows, levels, first = [], [], 0
    for level in range(PYRAMID_LEVELS):
        share = 1.0 - level * (1.0 - smallest) / (PYRAMID_LEVELS - 1)
        h, w = round(height * share), round(width * share)
        if level and min(h, w) < crop:
            break
        picture = frame if level == 0 else resize(frame, h, w)
        # A smaller pixel may be learnt from only if every pixel it covers may be.
        free = trainable if level == 0 else -F.adaptive_max_pool2d(-trainable, (h, w))
        planes = torch.cat([picture, free], dim=1)
        rows.append(planes[0].permute(1, 2, 0).reshape(-1, 4))
        levels.append((first, h, w))
        first += h * w
    table = torch.tensor(levels, device=frame.device).T
    return torch.cat(rows), table


def _split(places: Tensor, size: int) -> Iterator[Tensor]:
    for start in range(0, places.shape[1], size):
        yield places[:, start : start + size]


def _crop_rows(places: Tensor, crop: int) -> Tensor:
    """Return [B, c, c]: which row of the buffer each pixel of each crop is.

    The symmetry's three bits: transpose, mirror the rows, mirror the columns.
    """
    first, width, symmetry = places[:, :, None, None]
    i = torch.arange(crop, device=places.device)[:, None]
    j = torch.arange(crop, device=places.device)[None, :]
    turned = (symmetry & 1).bool()
    row = torch.where(turned, j, i)
    column = torch.where(turned, i, j)
    row = torch.where((symmetry & 2).bool(), crop - 1 - row, row)
    column = torch.where((symmetry & 4).bool(), crop - 1 - column, column)
    rows: Tensor = first + row * width + column
    return rows
