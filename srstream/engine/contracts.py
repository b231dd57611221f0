"""What networks and losses are told, and what the engine asks of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Generator, Tensor, device, dtype
from torch.nn import Parameter


@dataclass(frozen=True, slots=True)
class NetContext:
    """Given to a network's factory."""

    channels: int
    """3: grey frames are repeated to RGB and averaged afterwards."""
    scale: int
    generator: Generator
    """Draws the initial weights; the global generator is never touched."""


class Net(Protocol):
    """A network that enlarges, as `torch.nn.Module` gives most of it."""

    reach: int
    """How far, in low-resolution pixels, an output pixel sees: the margin of a tile."""
    maps: float
    """The most feature maps that a layer gives, per output pixel: decides the size of a
    tile."""
    colours: int
    """Channels it learns from: 3, or 1 for a network of luma. That one takes RGB as well,
    and adds what it finds in the luma to all three channels."""
    base: str
    """What its residual is added to: weights learnt on another base are of no use."""
    is_noisy: bool
    """Draws random numbers in training: a step's loss is not that of the weights alone."""
    precision: dtype
    """Of the convolutions: float32 at first. Set before a call; the weights, the base and
    the sum are float32 in any case."""

    def __call__(self, low: Tensor, noise: Generator | None = None) -> Tensor:
        """[B, C, h, w] in [0, 1] -> [B, C, s*h, s*w] float32, not clamped.

        C is 3 or `colours`. `noise` draws what is random in training; `None` means
        evaluation.
        """
        ...

    def parameters(self) -> Iterator[Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]: ...

    def to(self, *args: Any, **kwargs: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class LossContext:
    """Given to a loss's factory."""

    device: device


class Loss(Protocol):
    """A number to be made small, of what is wrong with a batch.

    Every loss here is a function of the difference alone, so that pixels are left out by
    setting their difference to zero: that is how held-out pixels stay out of training.
    """

    def __call__(self, difference: Tensor) -> Tensor:
        """[B, C, H, W] (network output minus truth) -> a scalar, zero at equality."""
        ...
