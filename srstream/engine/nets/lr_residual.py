"""Convolutions at low resolution; the last one gives all pixels of the residual.

The pixel shuffle at the end is that of ESPCN (Shi et al. 2016, arXiv:1609.05158); the
residual on an interpolated picture that of VDSR (Kim et al. 2016, arXiv:1511.04587); the
hidden layers that begin as the identity those of DiracNets (Zagoruyko and Komodakis 2017,
arXiv:1706.00388), folded into the kernels, so that they cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from srstream.engine import consistent
from srstream.engine.consistent import enlarge_consistently
from srstream.engine.contracts import NetContext
from srstream.engine.layers import drawn_convolution, zero_convolution
from srstream.engine.luma import luma
from srstream.engine.resample import ENLARGE_REACH, enlarge
from srstream.ranges import check_within

MIDDLE = 0.5
"""Taken off the input: with values around zero no ReLU dies at large rates."""
RESIDUAL = 0.1
"""What the last layer gives is multiplied by this: residuals are small."""
NOISE = 0.5
"""The random part of hidden kernels at birth, as a share of He's."""


@dataclass(frozen=True, slots=True)
class LrResidualOptions:
    """A network of 3x3 convolutions at low resolution."""

    width: int = 32
    """Feature maps per hidden layer."""
    depth: int = 8
    """Convolutions of 3x3, the first and the last included."""
    colours: Literal["luma", "rgb"] = "luma"
    """luma: sees the luma, and adds the same to red, green and blue; rgb: sees all three,
    and adds to each its own."""
    base: Literal["bicubic", "consistent"] = "bicubic"
    """What the residual is added to; consistent: the enlargement that gives the picture
    back when it is shrunk by bicubic."""

    def __post_init__(self) -> None:
        check_within("width", self.width, 1, 512)
        check_within("depth", self.depth, 2, 32)
        if self.colours not in ("luma", "rgb"):
            raise ValueError(f"colours is {self.colours!r}; allowed: luma, rgb")
        if self.base not in ("bicubic", "consistent"):
            raise ValueError(f"base is {self.base!r}; allowed: bicubic, consistent")


class LrResidual(nn.Module):
    """The network; at birth its residual is zero, so it *is* its base."""

    def __init__(self, options: LrResidualOptions, context: NetContext) -> None:
        super().__init__()
        scale, width, draw = context.scale, options.width, context.generator
        self.colours = 1 if options.colours == "luma" else context.channels
        self.precision = torch.float32
        self.base: str = options.base
        self.is_noisy = False
        self.head = drawn_convolution(self.colours, width, draw)
        self.hidden = nn.ModuleList(
            _near_identity(width, draw) for _ in range(options.depth - 2)
        )
        self.tail = zero_convolution(width, self.colours * scale**2)
        self._scale = scale
        is_consistent = options.base == "consistent"
        self._enlarge = enlarge_consistently if is_consistent else enlarge
        base_reach = ENLARGE_REACH + (consistent.REACH if is_consistent else 0)
        self.reach = max(options.depth, base_reach)
        self.maps = width / scale**2

    def forward(self, low: Tensor, noise: Generator | None = None) -> Tensor:
        """Return the base plus the learnt residual.

        Args:
            low: [B, C, h, w] in [0, 1]; C is 3 or `colours`.
            noise: of no use: nothing is random in training.
        """
        del noise
        seen = low if low.shape[1] == self.colours else luma(low)
        features = (seen - MIDDLE).to(self.precision)
        features = features.contiguous(memory_format=torch.channels_last)
        for layer in (self.head, *self.hidden):
            features = layer.rectified(features)
        residual = _shuffled(self.tail(features), self._scale)
        # The residual is float32 from here on, by the type of the base.
        return self._enlarge(low, self._scale).add_(residual, alpha=RESIDUAL)


def make_lr_residual(options: LrResidualOptions, context: NetContext) -> LrResidual:
    """Build it."""
    return LrResidual(options, context)


def _near_identity(width: int, draw: Generator) -> nn.Module:
    layer = drawn_convolution(width, width, draw, share=NOISE)
    with torch.no_grad():
        layer.weight[range(width), range(width), 1, 1] += 1.0
    return layer


def _shuffled(pixels: Tensor, scale: int) -> Tensor:
    """[B, C*s*s, h, w] -> [B, C, s*h, s*w], as `F.pixel_shuffle` does it.

    Written out: of channels-last pixels that one takes twice as long.
    """
    batch, channels, height, width = pixels.shape
    channels //= scale**2
    apart = pixels.view(batch, channels, scale, scale, height, width)
    return apart.permute(0, 1, 4, 2, 5, 3).reshape(
        batch, channels, height * scale, width * scale
    )
