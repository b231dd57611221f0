"""Convolutions as the networks make, draw and compute them."""

from __future__ import annotations

from functools import cache

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

_FUSED = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
"""Convolution and activation in one: padding, strides, dilation, groups, activation."""


class Convolution(nn.Conv2d):
    """A 3x3 convolution, padded by zeros, that computes in the precision of its input.

    In bfloat16 that is what autocast does to a convolution: the weights that are learnt,
    their gradients and Adam's memory are float32, and what is computed with is a cast of
    them. But by casts and not by autocast, with which a step takes a third longer on a
    CPU; and since they are of the weights as they are at each run, a CUDA graph records
    them with the rest, where autocast remembers its casts until it ends.
    """

    def forward(self, features: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W] of the same type."""
        return F.conv2d(features, *self.parameters_in(features.dtype), padding=1)

    def rectified(self, features: Tensor) -> Tensor:
        """Return the same after a ReLU.

        On a CPU and without gradients both are one pass over memory, a tenth faster. What
        torch has for that, for its compiler, has no public name and is not everywhere. In
        bfloat16 the result is the same bit for bit, in float32 it may differ by a few
        millionths: so where torch shall be deterministic it is left alone.
        """
        if (
            torch.is_grad_enabled()
            or torch.are_deterministic_algorithms_enabled()
            or features.device.type != "cpu"
            or not _is_fused(features.dtype)
        ):
            return F.relu(self(features), inplace=True)
        return _in_one_pass(features, *self.parameters_in(features.dtype))

    def parameters_in(self, kind: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return weight and bias in this precision."""
        assert self.bias is not None  # noqa: S101 - it is made with one
        return self.weight.to(kind), self.bias.to(kind)


def _in_one_pass(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve, padded by zeros, and rectify."""
    assert _FUSED is not None  # noqa: S101 - asked by `_is_fused`
    one = [1, 1]
    fused: Tensor = _FUSED(features, weight, bias, one, one, one, 1, "relu", [], "")
    return fused


@cache
def _is_fused(kind: torch.dtype) -> bool:
    """Tell whether `_FUSED` works in this precision: bfloat16 takes AVX-512 or the like."""
    if _FUSED is None:
        return False
    features, kernel = (torch.zeros(1, 1, side, side, dtype=kind) for side in (4, 3))
    try:
        _in_one_pass(features, kernel, torch.zeros(1, dtype=kind))
    except RuntimeError:
        return False
    return True


def zero_convolution(inputs: int, outputs: int) -> Convolution:
    """Return one whose weights are all zero."""
    # `skip_init`: the default initialisation would draw from the global generator.
    layer: Convolution = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        Convolution, inputs, outputs, 3, padding=1
    )
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def drawn_convolution(
    inputs: int, outputs: int, draw: Generator, *, share: float = 1.0
) -> Convolution:
    """Return one whose weights are drawn after He et al. 2015, times `share`."""
    layer = zero_convolution(inputs, outputs)
    # Drawn in double precision: in single the last bits depend on the processor, and a
    # state that was saved on another one would not fit.
    exact = torch.empty_like(layer.weight, dtype=torch.float64)
    nn.init.kaiming_normal_(exact, nonlinearity="relu", generator=draw)
    with torch.no_grad():
        layer.weight.copy_(exact * share)
    return layer
