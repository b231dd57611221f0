"""ZSSR and ZSSR*: a plain CNN that learns what bicubic enlargement leaves out.

Paper 1 (Goyal, "Online Super-Resolution using Deep Internal Learning"), section 2.2.
The input is the bicubic enlargement; the output is added to it. ZSSR* adds dropout after
the first two layers and a tanh that keeps the residual in [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from srstream.engine.contracts import NetContext
from srstream.engine.layers import drawn_convolution, zero_convolution
from srstream.engine.resample import ENLARGE_REACH, enlarge
from srstream.ranges import check_within


@dataclass(frozen=True, slots=True)
class ZssrOptions:
    """The network of ZSSR."""

    width: int = 128
    """Feature maps per hidden layer."""
    depth: int = 8
    """Convolutions of 3x3, the last one included."""

    def __post_init__(self) -> None:
        check_within("width", self.width, 1, 512)
        check_within("depth", self.depth, 2, 32)


@dataclass(frozen=True, slots=True)
class ZssrStarOptions(ZssrOptions):
    """The network of ZSSR*: dropout after the first two layers, tanh on the residual."""

    dropout: float = 0.1
    """Share of feature maps dropped after each of the first two layers in training."""

    def __post_init__(self) -> None:
        # Named in full: slots make dataclass build the class anew, and `super()` the old.
        ZssrOptions.__post_init__(self)
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}; allowed: 0 to below 1")


class Zssr(nn.Module):
    """The residual network; at birth its output is zero, so it *is* bicubic."""

    def __init__(
        self,
        options: ZssrOptions,
        context: NetContext,
        *,
        dropout: float,
        bounded: bool,
    ) -> None:
        super().__init__()
        widths = [context.channels, *[options.width] * (options.depth - 1)]
        draw = context.generator
        self.hidden = nn.ModuleList(
            drawn_convolution(n, m, draw) for n, m in pairwise(widths)
        )
        self.tail = zero_convolution(options.width, context.channels)
        self._scale = context.scale
        self._dropout = dropout
        self._bounded = bounded
        self.reach = math.ceil(options.depth / context.scale) + ENLARGE_REACH + 1
        self.maps = float(options.width)
        self.colours = context.channels
        self.precision = torch.float32
        self.base = "bicubic"
        self.is_noisy = dropout > 0.0

    def forward(self, low: Tensor, noise: Generator | None = None) -> Tensor:
        """Return the bicubic enlargement plus the learnt residual.

        Args:
            low: [B, C, h, w] in [0, 1].
            noise: draws the dropout; `None` means evaluation, without dropout.
        """
        base = enlarge(low, self._scale)
        features = base.to(self.precision).contiguous(memory_format=torch.channels_last)
        for index, layer in enumerate(self.hidden):
            features = layer(features)
            if noise is not None and self._dropout and index < 2:
                features = features * _keep_maps(features, self._dropout, noise)
            features = F.relu(features, inplace=True)  # a tenth of a step's time
        residual: Tensor = self.tail(features).float()
        return base + (torch.tanh(residual) if self._bounded else residual)


def make_zssr(options: ZssrOptions, context: NetContext) -> Zssr:
    """Build ZSSR: linear residual, no dropout."""
    return Zssr(options, context, dropout=0.0, bounded=False)


def make_zssr_star(options: ZssrStarOptions, context: NetContext) -> Zssr:
    """Build ZSSR*."""
    return Zssr(options, context, dropout=options.dropout, bounded=True)


def _keep_maps(features: Tensor, dropout: float, noise: Generator) -> Tensor:
    """Return [B, C, 1, 1]: 0 for the maps to drop, 1/(1-dropout) for the others.

    Written out, because `F.dropout2d` draws from the global generator, and replaying a
    session bit for bit needs its own.
    """
    batch, maps = features.shape[:2]
    draw = torch.rand(batch, maps, 1, 1, generator=noise, device=features.device)
    return (draw >= dropout).to(features.dtype) / (1.0 - dropout)
