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
from torch.nn import functional as F

from srstream.engine import consistent
from srstream.engine.consistent import enlarge_consistently
from srstream.engine.contracts import NetContext
from srstream.engine.layers import Convolution, drawn_convolution, zero_convolution
from srstream.engine.luma import luma
from srstream.engine.resample import ENLARGE_REACH, enlarge
from srstream.ranges import check_within

MIDDLE = 0.5
"""Taken off the input: with values around zero no ReLU dies at large rates."""
RESIDUAL = 0.1
"""What the last layer gives is multiplied by this: residuals are small."""
NOISE = 0.5
"""The random part of hidden kernels at birth, as a share of He's."""
ABREAST = 4
"""Pixels in a row that the last layer computes as one where its maps are few."""
MOST_MAPS = 16
"""Maps that a CPU's vectors hold: of float32 in 512 bits."""


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
        self.maps = max(width, self.tail.out_channels) / scale**2

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
        abreast = self._abreast(features)
        pixels = _convolved_abreast(self.tail, features, self._scale, abreast)
        residual = _shuffled(pixels, self._scale, abreast)
        # The residual is float32 from here on, by the type of the base.
        return self._enlarge(low, self._scale).add_(residual, alpha=RESIDUAL)

    def _abreast(self, features: Tensor) -> int:
        """Return how many pixels in a row the tail computes as one: 1, or `ABREAST`.

        Its 4 maps of x2 luma fill a quarter of a CPU's vectors; of 4 pixels all of them,
        in half the time, though with zeros in the kernel.
        """
        is_row = features.shape[-1] % ABREAST == 0
        fits = self.tail.out_channels * ABREAST <= MOST_MAPS
        on_cpu = features.device.type == "cpu" and not torch.is_grad_enabled()
        return ABREAST if is_row and fits and on_cpu else 1


def make_lr_residual(options: LrResidualOptions, context: NetContext) -> LrResidual:
    """Build it."""
    return LrResidual(options, context)


def _near_identity(width: int, draw: Generator) -> Convolution:
    layer = drawn_convolution(width, width, draw, share=NOISE)
    with torch.no_grad():
        layer.weight[range(width), range(width), 1, 1] += 1.0
    return layer


def _convolved_abreast(
    layer: Convolution, features: Tensor, scale: int, abreast: int
) -> Tensor:
    """[B, C, h, w] -> [B, C*s*n*s, h, w/n]: rows of the pixels that come of n in a row.

    The kernel is n times that of the layer, each time a pixel farther to the right. Maps
    that become neighbours in a row are neighbours here: they are then moved together.
    """
    if abreast == 1:
        pixels: Tensor = layer(features)
        return pixels
    weight, bias = layer.parameters_in(features.dtype)
    maps, inputs, rows, columns = weight.shape
    lines = maps // scale
    wide = weight.new_zeros(lines, abreast, scale, inputs, rows, columns + abreast - 1)
    for pixel in range(abreast):
        each = weight.view(lines, scale, inputs, rows, columns)
        wide[:, pixel, ..., pixel : pixel + columns] = each
    kernel = wide.flatten(0, 2).contiguous(memory_format=torch.channels_last)
    biases = bias.view(lines, 1, scale).expand(-1, abreast, -1).flatten()
    return F.conv2d(features, kernel, biases, (1, abreast), padding=1)


def _shuffled(pixels: Tensor, scale: int, abreast: int) -> Tensor:
    """[B, C*s*n*s, h, w/n] -> [B, C, s*h, s*w]; for n = 1 as `F.pixel_shuffle` does it.

    Written out: of channels-last pixels that one takes twice as long.
    """
    batch, _, height, width = pixels.shape
    row = scale * abreast
    apart = pixels.view(batch, -1, scale, row, height, width)
    return apart.permute(0, 1, 4, 2, 5, 3).reshape(batch, -1, scale * height, row * width)
