"""Mean absolute error, the loss of the original ZSSR."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from srstream.engine.contracts import LossContext


@dataclass(frozen=True, slots=True)
class L1Options:
    """Mean absolute error; nothing to set."""


class L1:
    """Mean absolute error over all values."""

    def __init__(self, options: L1Options, context: LossContext) -> None:
        del options, context

    def __call__(self, difference: Tensor) -> Tensor:
        """[B, C, H, W] -> scalar."""
        return difference.abs().mean()
