"""Low/high-resolution pairs made from one frame itself (paper 1, section 2.1).

The frame and smaller versions of it (a pyramid) lie in one buffer on the device, a line of
pixels per colour. Batches are one gather from it: scale, place, and which of the eight
symmetries are all in the index, so there is no loop over samples, no copy to the host, and
no padded pixel. Then x = K(y).

Where few pairs are drawn, only some of the sizes are made, on the next frame others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from srstream.engine.heldout import left_of
from srstream.engine.options import AdaptOptions
from srstream.engine.resample import resize, shrink

PYRAMID_LEVELS = 6
"""Sizes of the frame to crop from, in equal steps down to `smallest`."""
PAIRS_PER_LEVEL = 32
"""Pairs to be drawn for each smaller size that is made: it costs half a step."""
BATCHES_AT_ONCE = 32
"""Batches whose places are drawn together: a draw costs the same for one as for many."""
PIXELS_AT_ONCE = 2**17
"""Of the crops that are gathered together, for the same reason."""
MOST_PIXELS = 4_000_000
"""Of a larger frame a random window of this size is learnt from: a pyramid of all of an 8K
frame would take over 2 GB, and few of its pixels would ever be drawn."""


class Batch(NamedTuple):
    """The pairs of one step."""

    low: Tensor
    """[B, C, c/s, c/s] in [0, 1]: K of `high`."""
    high: Tensor
    """[B, C, c, c] in [0, 1]."""
    trainable: Tensor
    """[B, 1, c, c]: 0 at held-out pixels of `high`, else 1."""


class Pairs:
    """The pairs of one frame."""

    def __init__(
        self,
        frame: Tensor,
        trainable: Callable[[int, int], Tensor],
        *,
        options: AdaptOptions,
        scale: int,
        generator: Generator,
    ) -> None:
        """Lay out the pyramid.

        Args:
            frame: [1, C, H, W] in [0, 1]; C is 3, or 1.
            trainable: returns, for a height and a width, [height, width]: 1 where the
                frame, made so small, may be learnt from, else 0.
            options: crop, pairs, batch, steps, the pyramid.
            scale: 2, 3 or 4.
            generator: on the frame's device; draws everything.
        """
        self._options = options
        self._scale = scale
        self._generator = generator
        frame, trainable = _window(frame, trainable, generator)
        self._crop = crop_side(frame.shape[-2:], options.crop, scale)
        sizes = _sizes(frame.shape[-2:], smallest=options.smallest, crop=self._crop)
        smaller = _some(sizes[1:], options, generator)
        self._lines, self._levels = _pyramid(frame, trainable, smaller)

    def batches(self) -> Iterator[Batch]:
        """Yield batches without end: of a fixed number of pairs, or always new ones."""
        side, size = self._crop, self._options.batch
        together = max(PIXELS_AT_ONCE // (side * side * size), 1)
        for places in self._places(together * size):
            index = _crop_index(places, side)
            # One line after the other: several at once take six times as long.
            crops = [line.index_select(0, index.flatten()) for line in self._lines]
            *colours, free = (crop.view(index.shape) for crop in crops)
            high = torch.stack(colours, dim=1)
            parts = shrink(high, self._scale), high, free[:, None]
            for batch in zip(*(torch.split(part, size) for part in parts), strict=True):
                yield Batch(*batch)

    def _places(self, together: int) -> Iterator[Tensor]:
        """Yield the places [3, n] of pair after pair, so many at once."""
        size, pairs = self._options.batch, self._options.pairs
        if pairs is None:
            while True:
                places = self._draw(size * BATCHES_AT_ONCE)
                yield from torch.split(places, together, dim=1)
        fixed = self._draw(pairs)
        while True:
            order = torch.randperm(pairs, generator=self._generator, device=fixed.device)
            yield from torch.split(fixed[:, order], together, dim=1)

    def _draw(self, count: int) -> Tensor:
        """Draw the places [3, n] of some pairs.

        Returns:
            For each: where in the buffer the crop's first pixel is, the width of its
            level, and its symmetry, 0 to 7.
        """
        draws = torch.rand(5, count, generator=self._generator, device=self._lines.device)
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


def all_of(frame: Tensor) -> Callable[[int, int], Tensor]:
    """Return what lets every pixel be learnt from, for `Pairs`."""
    return lambda *size: frame.new_ones(size)


def _window(
    frame: Tensor, trainable: Callable[[int, int], Tensor], generator: Generator
) -> tuple[Tensor, Callable[[int, int], Tensor]]:
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
    held = 1.0 - trainable(height, width)[window]
    return frame[window], partial(left_of, held)


def _sizes(size: tuple[int, ...], *, smallest: float, crop: int) -> list[tuple[int, int]]:
    """Return the heights and widths of the pyramid, the frame's own first."""
    sizes = []
    for level in range(PYRAMID_LEVELS):
        share = 1.0 - level * (1.0 - smallest) / (PYRAMID_LEVELS - 1)
        height, width = round(size[0] * share), round(size[1] * share)
        if level and min(height, width) < crop:
            break
        sizes.append((height, width))
    return sizes


def _some(
    sizes: list[tuple[int, int]], options: AdaptOptions, generator: Generator
) -> list[tuple[int, int]]:
    """Return all of the sizes, or as many as the pairs that will be drawn are worth."""
    drawn = options.steps * options.batch
    worth = max(min(options.pairs or drawn, drawn) // PAIRS_PER_LEVEL, 1)
    if worth >= len(sizes):
        return sizes
    order = torch.randperm(len(sizes), generator=generator, device=generator.device)
    return [sizes[index] for index in order[:worth].tolist()]


def _pyramid(
    frame: Tensor,
    trainable: Callable[[int, int], Tensor],
    smaller: list[tuple[int, int]],
) -> tuple[Tensor, Tensor]:
    """Return all pixels [C + 1, N] (colours, trainable) and the levels [3, L].

    Of each level: its first pixel, height, width. The first is the frame itself.
    """
    sizes = [(frame.shape[-2], frame.shape[-1]), *smaller]
    channels = frame.shape[1]
    lines = frame.new_empty(channels + 1, sum(height * width for height, width in sizes))
    levels, first = [], 0
    for height, width in sizes:
        level = lines[:, first : first + height * width].view(-1, height, width)
        level[:channels] = frame[0] if first == 0 else resize(frame, height, width)[0]
        level[channels] = trainable(height, width)
        levels.append((first, height, width))
        first += height * width
    return lines, torch.tensor(levels, device=frame.device).T


def _crop_index(places: Tensor, crop: int) -> Tensor:
    """Return [B, c, c]: where in the buffer each pixel of each crop is.

    The symmetry's three bits: transpose, mirror the rows, mirror the columns. Mirrored
    ones are read from their other end.
    """
    first, width, symmetry = places[:, :, None, None]
    turned, up, left = symmetry & 1, symmetry >> 1 & 1, symmetry >> 2 & 1
    start = first + (crop - 1) * (up * width + left)
    along_rows, along_columns = width * (1 - 2 * up), 1 - 2 * left
    step = torch.arange(crop, device=places.device)
    index: Tensor = (
        start
        + torch.where(turned.bool(), along_columns, along_rows) * step[:, None]
        + torch.where(turned.bool(), along_rows, along_columns) * step
    )
    return index
