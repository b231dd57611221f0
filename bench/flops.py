"""Floating-point operations, counted by torch itself: two per multiply-add."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.timing import measure


def forward_flops(net: Any, low: Tensor) -> float:
    """Count what the convolutions of a network do on [B, C, h, w].

    With gradients, that is by the plain way: without them a network may use what the
    counter does not know, and multiply by zeros where that is faster.

    Args:
        net: an `nn.Module`.
        low: its input.
    """
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        net(low)
    return _of_convolutions(counter)


def step_flops(net: Any, low: Tensor) -> float:
    """Count forward, the gradient of every weight, and of every input but the first.

    Losses, activations and bicubic come on top. The gradients that the network has are
    not touched.

    Args:
        net: an `nn.Module`.
        low: its input [B, C, h, w].
    """
    with FlopCounterMode(display=False) as counter:
        torch.autograd.grad(net(low).sum(), list(net.parameters()))
    return _of_convolutions(counter)


def _of_convolutions(counter: FlopCounterMode) -> float:
    """Return what they took: bicubic is matrix products on a CPU, which are not meant."""
    counts = counter.get_flop_counts()["Global"].items()
    return float(sum(each for operation, each in counts if "convolution" in str(operation)))


def peak(
    device: torch.device,
    *,
    precision: torch.dtype = torch.float32,
    seconds: float = 1.0,
) -> float:
    """Return the most operations per second of a matrix product, measured."""
    best = 0.0
    # A large GPU is busy only with large ones.
    for side in (4096, 8192) if device.type == "cuda" else (1024, 2048):
        a = torch.rand(side, side, device=device).to(precision)
        b = torch.rand(side, side, device=device).to(precision)
        timing = measure(partial(torch.mm, a, b), device=device, seconds=seconds)
        best = max(best, 2.0 * side**3 / timing.low)
    return best
