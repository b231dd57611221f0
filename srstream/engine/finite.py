"""Is everything finite? Asked on the device, and read once with all else that is wanted."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def finite_sum(*tensors: Tensor) -> Tensor:
    """Return a scalar on their device that is finite if and only if all of them are.

    A sum, as it takes half the time of `isfinite`: infinities and NaN go through it. So
    the tensors must not be so large that a sum of finite values overflows; pictures and
    weights are not.
    """
    return torch.stack([each.sum() for each in tensors]).sum()


def read(*scalars: Tensor) -> list[float]:
    """Return scalars of one device; the device is waited for once."""
    values: list[float] = torch.stack([each.detach().float() for each in scalars]).tolist()
    return values


def is_finite(total: float) -> bool:
    """Tell what a `finite_sum` that was read says."""
    return math.isfinite(total)
