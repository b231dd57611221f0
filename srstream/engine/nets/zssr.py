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
from srstream.engine.resample import enlarge
from srstream.ranges import check_within

BICUBIC_REACH = 3
"""Low-resolution pixels to either side that a bicubic enlargement reads, rounded up."""


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
        self.hidden = nn.ModuleList(_conv(n, m, draw) for n, m in pairwise(widths))
        self.tail = _conv(options.width, context.channels, None)
        self._scale = context.scale
        self._dropout = dropout
        self._bounded = bounded
        self.reach = math.ceil(options.depth / context.scale) + BICUBIC_REACH
        self.maps = options.width

    def forward(self, low: Tensor, noise: Generator | None = None) -> Tensor:
        """Return the bicubic enlargement plus the learnt residual.

        Args:
            low: [B, C, h, w] in [0, 1].
            noise: draws the dropout; `None` means evaluation, without dropout.
        """
        base = enlarge(low, self._scale)
        features = base
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


def _conv(inputs: int, outputs: int, draw: Generator | None) -> nn.Conv2d:
    """Return a 3x3 convolution, its weights drawn after He et al. 2015, or all zero."""
    # `skip_init`: the default initialisation would draw from the global generator.
    conv: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d, inputs, outputs, 3, padding=1
    )
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    if draw is not None:
        # Drawn in double precision: in single the last bits depend on the processor, and
        # a state that was saved on another one would not fit.
        exact = torch.empty_like(conv.weight, dtype=torch.float64)
        nn.init.kaiming_normal_(exact, nonlinearity="relu", generator=draw)
        with torch.no_grad():
            conv.weight.copy_(exact)
    return conv


def _keep_maps(features: Tensor, dropout: float, noise: Generator) -> Tensor:
    """Return [B, C, 1, 1]: 0 for the maps to drop, 1/(1-dropout) for the others.

    Written out, because `F.dropout2d` draws from the global generator, and replaying a
    session bit for bit needs its own.
    """
    batch, maps = features.shape[:2]
    draw = torch.rand(batch, maps, 1, 1, generator=noise, device=features.device)
    return (draw >= dropout).to(features.dtype) / (1.0 - dropout)
