"""All weights of a network in one buffer, and all gradients in another.

To copy, compare, roll back or publish weights is then one operation on one tensor, and so
is a step of Adam. The buffers keep their addresses for as long as they live, which a
captured CUDA graph asks for.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import Parameter

from srstream.engine.contracts import Net


class FlatWeights:
    """The weights of a network; its parameters become views of them."""

    def __init__(self, net: Net) -> None:
        """Move the parameters into one buffer; they keep their strides."""
        self._parameters = list(net.named_parameters())
        first = self._parameters[0][1]
        count = sum(weight.numel() for _, weight in self._parameters)
        self.values = Parameter(first.detach().new_zeros(count))
        """[N]: all weights, as one parameter for an optimiser."""
        self.values.grad = torch.zeros_like(self.values)
        with torch.no_grad():
            for weight, view in zip(
                (weight for _, weight in self._parameters),
                self._views(self.values.detach()),
                strict=True,
            ):
                view.copy_(weight)
                weight.data = view
        for (_, weight), gradient in zip(
            self._parameters, self._views(self.values.grad), strict=True
        ):
            weight.grad = gradient

    def copy(self) -> Tensor:
        """Return a copy of all weights, [N]."""
        return self.values.detach().clone()

    def set(self, values: Tensor) -> None:
        """Take over all weights, [N]."""
        with torch.no_grad():
            self.values.copy_(values)

    def named(self, values: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield a buffer like this one, [N], as the network has its weights."""
        yield from zip(
            (name for name, _ in self._parameters), self._views(values), strict=True
        )

    def forget_gradients(self) -> None:
        """Make all gradients zero, in place."""
        assert self.values.grad is not None  # noqa: S101 - made above, and never dropped
        self.values.grad.zero_()

    def _views(self, values: Tensor) -> Iterator[Tensor]:
        first = 0
        for _, weight in self._parameters:
            piece = values[first : first + weight.numel()]
            yield torch.as_strided(
                piece, weight.shape, weight.stride(), piece.storage_offset()
            )
            first += weight.numel()


def change(before: Tensor, now: Tensor) -> float | None:
    """Return the L2 norm of `now` - `before`, [N] each, over that of `before`.

    None: that is zero.
    """
    norm = float(before.norm())
    return float((now - before).norm()) / norm if norm else None
