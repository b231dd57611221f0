"""Difference-of-Gaussians loss: every frequency band counts, not only the lowest.

Paper 1, section 2.3, equation 1, with k = 6 and sigma = 3 from section 3.3 and W = 10:

    DoG_i(X) = G^i X - G^(i+1) X
    L(X, Y)  = W * ( sum_{i=1..k} norm(DoG_i(X) - DoG_i(Y)) + norm(G^(k+1) X - G^(k+1) Y) )

The printed formula has the low-pass term inside the sum, which would count it k times; it
is meant once. Blurring is linear, so the pyramid is built once, of the difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from srstream.engine.contracts import LossContext
from srstream.ranges import check_within


@dataclass(frozen=True, slots=True)
class DogOptions:
    """The bands and their weights; the defaults are the paper's text."""

    levels: int = 6
    """Bands (k)."""
    sigma: float = 3.0
    """Standard deviation of the Gaussian in pixels."""
    weight: float = 10.0
    """Factor on the bands (W)."""
    low_weight: float = 10.0
    """Factor on the low-pass rest (W in the text, 1 in the published code)."""
    norm: Literal["mse", "l1"] = "mse"
    """How a band is measured: by the mean squared or the mean absolute error."""
    first_band: Literal[0, 1] = 1
    """1: the bands start at G X - G^2 X (the text); 0: at X - G X (the code)."""

    def __post_init__(self) -> None:
        check_within("levels", self.levels, 1, 16)
        check_within("sigma", self.sigma, 0.3, 8)
        if self.weight < 0 or self.low_weight < 0:
            raise ValueError("weight and low_weight must not be negative")


class Dog:
    """The loss; keeps the blur matrices of the crop sizes it has seen."""

    def __init__(self, options: DogOptions, context: LossContext) -> None:
        self._options = options
        self._device = context.device
        self._blurs: dict[int, Tensor] = {}

    def __call__(self, difference: Tensor) -> Tensor:
        """[B, C, H, W] -> scalar."""
        options = self._options
        rows = self._blur(difference.shape[-2])
        columns = self._blur(difference.shape[-1]).T
        current = difference
        if options.first_band == 1:
            current = rows @ current @ columns
        total = difference.new_zeros(())
        for _ in range(options.levels):
            lower = rows @ current @ columns
            total = total + options.weight * self._norm(current - lower)
            current = lower
        return total + options.low_weight * self._norm(current)

    def _norm(self, band: Tensor) -> Tensor:
        if self._options.norm == "l1":
            return band.abs().mean()
        return band.square().mean()

    def _blur(self, size: int) -> Tensor:
        """Return [size, size]: a 1-D convolution with reflected borders, as a matrix.

        At crop sizes two dense products are several times faster on a CPU than two
        depth-wise convolutions of 19 taps, and the borders cost nothing.
        """
        if size not in self._blurs:
            if (
                len(self._blurs) >= 64
            ):  # frames smaller than a crop bring sizes of their own
                self._blurs.clear()
            self._blurs[size] = gaussian_matrix(size, self._options.sigma).to(self._device)
        return self._blurs[size]


def gaussian_matrix(size: int, sigma: float) -> Tensor:
    """Return [size, size] float32: Gaussian blur of radius 3 sigma, borders reflected.

    Reflection leaves the border pixel out (`d c b | a b c d | c b a`) and repeats where
    the blur is wider than the picture.
    """
    radius = math.ceil(3.0 * sigma)
    taps = torch.arange(-radius, radius + 1)
    weights = torch.exp(-0.5 * (taps.double() / sigma) ** 2)
    weights /= weights.sum()
    period = max(2 * (size - 1), 1)
    sources = (torch.arange(size)[:, None] + taps).remainder(period)
    sources = torch.minimum(sources, period - sources).clamp(max=size - 1)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    matrix.scatter_add_(1, sources, weights.expand(size, -1))
    return matrix.float()
