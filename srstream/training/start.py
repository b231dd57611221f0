"""Initial weights from another training: those of x2 are a good start for x3 and x4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from srstream.engine.contracts import Net
from srstream.engine.weights import Weights
from srstream.errors import StateError


@dataclass(frozen=True, slots=True)
class Taken:
    """Which parameters were taken over, by name."""

    taken: Sequence[str]
    left: Sequence[str]
    """As they were at birth, for want of such a name or such a shape there."""


@torch.no_grad()
def take_over(net: Net, name: str, weights: Weights) -> Taken:
    """Give a network what fits of these weights.

    Args:
        net: The network, as it was born.
        name: Its name in `NETS`.
        weights: Of the same kind of network; its options and its scale may be others.

    Raises:
        StateError: they are of another kind of network, or no kernel fits.
    """
    if weights.net != name:
        raise StateError(f"these are weights of {weights.net}; wanted: of {name}")
    taken, left = [], []
    is_kernel = False
    for key, parameter in net.named_parameters():
        array = weights.arrays.get(key)
        if array is None or array.shape != tuple(parameter.shape):
            left.append(key)
            continue
        parameter.copy_(torch.from_numpy(array.astype(np.float32)))
        taken.append(key)
        is_kernel = is_kernel or parameter.dim() == 4
    if not is_kernel:
        raise StateError(
            f"no kernel has the shape it has here; those have {weights.options}"
        )
    return Taken(taken, left)
