"""Pixels of a frame that are never learnt from: they judge what was learnt.

Small square tiles are set aside: of some random places those with the most texture, since
sky and walls look the same however they are enlarged. Training crops may lie over them,
but the loss leaves their pixels out (`trainable`). The judge upscales windows around the
tiles from K(window) and compares the tiles alone. Such pairs live one octave below the
real task: they tell whether weights got better or worse, not how good the result is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from srstream.engine.resample import enlarge, shrink

LARGEST_TILE = 32
MOST_TILES = 64
CANDIDATES = 4
"""Places that are drawn for each tile that is kept."""


class HeldOut:
    """The held-out tiles of one frame."""

    def __init__(
        self,
        frame: Tensor,
        *,
        share: float,
        scale: int,
        margin: int,
        generator: Generator,
    ) -> None:
        """Choose the tiles.

        Args:
            frame: [1, C, H, W] in [0, 1].
            share: of the frame's pixels, above 0; fewer on large frames.
            scale: 2, 3 or 4.
            margin: what a network sees around a pixel, in high-resolution pixels.
            generator: on the frame's device.
        """
        height, width = frame.shape[-2:]
        pixels = max(int(share * height * width), 1)
        side = min(LARGEST_TILE, math.isqrt(pixels // 4), height, width)
        side = side // scale * scale or scale
        count = min(max(pixels // side**2, 1), MOST_TILES)
        window = min(side + 2 * margin, height, width) // scale * scale
        draws = torch.rand(2, CANDIDATES * count, generator=generator, device=frame.device)
        top = (draws[0] * (height - side + 1)).long()
        left = (draws[1] * (width - side + 1)).long()
        inside = torch.arange(side, device=frame.device)
        rows = top[:, None, None] + inside[:, None]
        columns = left[:, None, None] + inside
        texture = frame[0].mean(dim=0)[rows, columns].flatten(1).var(dim=1)
        chosen = texture.topk(count).indices

        held = torch.zeros(height, width, device=frame.device)
        held[rows[chosen], columns[chosen]] = 1.0
        self.trainable = (1.0 - held)[None, None]
        """[1, 1, H, W]: 0 at held-out pixels, 1 elsewhere."""

        span = torch.arange(window, device=frame.device)
        first_row = (top[chosen] - (window - side) // 2).clamp(0, height - window)
        first_column = (left[chosen] - (window - side) // 2).clamp(0, width - window)
        rows = first_row[:, None, None] + span[:, None]
        columns = first_column[:, None, None] + span
        self._high = frame[0][:, rows, columns].transpose(0, 1)  # [n, C, w, w]
        self._mask = held[rows, columns][:, None]  # [n, 1, w, w]
        self._low = shrink(self._high, scale)
        self._scale = scale

    def psnr(self, net: Callable[[Tensor], Tensor]) -> float:
        """Return the dB of a network on the tiles; infinite if equal, NaN if not finite."""
        with torch.inference_mode():
            return self._psnr(net(self._low))

    def psnr_of_bicubic(self) -> float:
        """Return the dB of bicubic on the tiles."""
        return self._psnr(enlarge(self._low, self._scale))

    def _psnr(self, enlarged: Tensor) -> float:
        wrong = (enlarged.clamp(0, 1) - self._high).square().mean(dim=1, keepdim=True)
        mse = float((wrong * self._mask).sum() / self._mask.sum())
        if mse == 0.0:
            return math.inf
        return -10.0 * math.log10(mse)
