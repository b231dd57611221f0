"""How good a network is on pictures that it does not learn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean

import torch
from torch import Tensor

from srstream.engine.contracts import Net
from srstream.engine.luma import luma
from srstream.engine.resample import enlarge
from srstream.training.crops import Pair

_LUMA_SPAN = 219.0
"""From black, 16, to white, 235: BT.601 in video range, as the literature measures it."""
_LARGEST = 255.0
_LEAST_ERROR = 1e-10
"""Equal pictures would be infinitely good, which no JSON holds."""


class Validation:
    """PSNR of the luma, of whole pictures in float32, the mean over the pictures."""

    def __init__(self, pairs: Sequence[Pair], *, scale: int, device: torch.device) -> None:
        """Take the pairs; `scale` pixels at each border are not counted."""
        self._pairs = pairs
        self._scale = scale
        self._device = device
        self.bicubic = self._mean(lambda low: enlarge(low, scale))
        """In dB; none: there are no pictures."""

    @torch.no_grad()
    def measure(self, net: Net) -> float | None:
        """Return the dB of what the network makes of them; none: there are none."""
        return self._mean(net)

    def _mean(self, enlarging: Callable[[Tensor], Tensor]) -> float | None:
        values = []
        for pair in self._pairs:
            ours = enlarging(pair.low[None].to(self._device))[0].cpu()
            values.append(psnr_y(ours, pair.high, border=self._scale))
        return fmean(values) if values else None


def psnr_y(ours: Tensor, truth: Tensor, *, border: int) -> float:
    """Return the PSNR in dB of [C, H, W] in [0, 1], C 3 or 1 (luma); not rounded."""
    error = ours.clamp(0, 1) - truth
    if len(error) == 3:
        error = luma(error[None])[0]
    inside = error[..., border:-border, border:-border].double() * _LUMA_SPAN
    squared = float(inside.square().mean())
    return 10 * math.log10(_LARGEST**2 / max(squared, _LEAST_ERROR))
