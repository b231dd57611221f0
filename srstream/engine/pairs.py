"""Low/high-resolution pairs made from one frame itself (paper 1, section 2.1).

The frame and smaller versions of it (a pyramid) lie in one buffer on the device, a row of
colour per pixel. A batch is one gather from it: scale, place, and which of the eight
symmetries are all in the index, so there is no loop over samples, no copy to the host, and
no padded pixel. Then x = K(y).
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from srstream.engine.options import AdaptOptions
from srstream.engine.resample import resize, shrink

PYRAMID_LEVELS = 6
"""Sizes of the frame to crop from, in equal steps down to `smallest`."""


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
        """Draw which pairs there are.

        Args:
            frame: [1, 3, H, W] in [0, 1].
            trainable: [1, 1, H, W]; 1 where a pixel may be learnt from, 0 where held out.
            options: crop, pairs, steps, batch, the pyramid.
            scale: 2, 3 or 4.
            generator: on the frame's device; draws everything.
        """
        self._scale = scale
        self._batch = options.batch
        self._crop = crop_side(frame.shape[-2:], options.crop, scale)
        self._rows, self._levels = _pyramid(
            frame, trainable, smallest=options.smallest, crop=self._crop
        )
        used = max(options.steps, 1) * options.batch
        count = used if options.pairs is None else options.pairs
        draws = torch.rand(5, count, generator=generator, device=frame.device)
        self._places = _places(draws, self._levels, self._crop, as_is=options.as_is)
        epochs = math.ceil(used / count)
        self._order = torch.cat(
            [
                torch.randperm(count, generator=generator, device=frame.device)
                for _ in range(epochs)
            ]
        )

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the pairs of this step.

        Returns:
            low [B, 3, c/s, c/s], high [B, 3, c, c], and [B, 1, c, c] with 0 at the
            held-out pixels of high.
        """
        chosen = self._order[step * self._batch : (step + 1) * self._batch]
        rows = _crop_rows(self._places[:, chosen], self._crop)
        side = self._crop
        # Gathered pixel by pixel the crops are channels-last, which convolutions like.
        crops = self._rows[rows.flatten()].view(-1, side, side, 4).permute(0, 3, 1, 2)
        high = crops[:, :3]
        return shrink(high, self._scale), high, crops[:, 3:]


def crop_side(size: tuple[int, ...], wanted: int, scale: int) -> int:
    """Return the side of a crop: `wanted`, clamped to the frame, a multiple of `scale`."""
    return min(wanted, *size) // scale * scale


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


def _places(draws: Tensor, levels: Tensor, crop: int, *, as_is: float) -> Tensor:
    """Turn uniform numbers [5, n] into places [3, n].

    Returns:
        For each pair: the buffer row of the crop's first pixel, the width of its level,
        and its symmetry, 0 to 7.
    """
    keep = draws[0] < as_is
    level = (draws[1] * levels.shape[1]).long().masked_fill(keep, 0)
    symmetry = (draws[2] * 8).long().masked_fill(keep, 0)
    first, height, width = levels[:, level]
    top = (draws[3] * (height - crop + 1)).long()
    left = (draws[4] * (width - crop + 1)).long()
    return torch.stack([first + top * width + left, width, symmetry])


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
