"""Floating-point operations, counted from a network's layers: two per multiply-add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.timing import measure


@dataclass(frozen=True, slots=True)
class Flops:
    """Of the convolutions alone: losses, activations and bicubic come on top."""

    forward: float
    step: float
    """Forward, the gradient of every weight, and of every input but the first."""


def count(net: Any, low: Tensor) -> Flops:
    """Send [B, C, h, w] through a network and count.

    Args:
        net: an `nn.Module`.
        low: its input.
    """
    layers: list[float] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        del inputs
        assert isinstance(layer, nn.Conv2d)  # noqa: S101 - for mypy; only they get the hook
        taps = layer.weight[0].numel()
        layers.append(2.0 * output.numel() * taps)

    hooks = [
        layer.register_forward_hook(note)
        for layer in net.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    with torch.no_grad():
        net(low)
    for hook in hooks:
        hook.remove()
    forward = sum(layers)
    return Flops(forward, 3.0 * forward - layers[0])


def peak(device: torch.device, *, seconds: float = 1.0) -> float:
    """Return the most operations per second of a float32 matrix product, measured."""
    best = 0.0
    for side in (1024, 2048):
        a = torch.rand(side, side, device=device)
        b = torch.rand(side, side, device=device)
        timing = measure(partial(torch.mm, a, b), device=device, seconds=seconds)
        best = max(best, 2.0 * side**3 / timing.low)
    return best
