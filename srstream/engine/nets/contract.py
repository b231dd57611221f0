"""What a network is told about its stream, and what the engine asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Generator, Tensor, device
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
    """A network on the bicubic enlargement, as `torch.nn.Module` gives most of it."""

    reach: int
    """How far, in output pixels, an output pixel sees: the margin of a tile."""

    def __call__(self, base: Tensor, noise: Generator | None = None) -> Tensor:
        """[B, C, H, W] in [0, 1] -> the same shape; `noise` only in training."""
        ...

    def parameters(self) -> Iterator[Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]: ...

    def to(self, device: device, **kwargs: Any) -> Net: ...
