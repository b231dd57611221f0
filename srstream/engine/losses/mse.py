"""Mean squared error, the loss of the published ZSSR port."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from srstream.engine.contracts import LossContext


@dataclass(frozen=True, slots=True)
class MseOptions:
    """Mean squared error; nothing to set."""


class Mse:
    """Mean squared error over all values."""

    def __init__(self, options: MseOptions, context: LossContext) -> None:
        del options, context

    def __call__(self, difference: Tensor) -> Tensor:
        """[B, C, H, W] -> scalar."""
        return difference.square().mean()
