"""What the engine asks of a loss, and what a loss is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, device


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
