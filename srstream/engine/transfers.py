"""Pixels between the host and a CUDA device, without waiting, through pinned memory.

Only what lies in pinned memory, which the system may not move, is copied beside what else
the device does. Pinned memory is slow to get, so torch keeps it: a buffer that nobody holds
any more is given out again as soon as the copies that it was used for are done. That is
what double buffering comes to: with two frames on their way there are two buffers of each
size, and nothing has to be said about whose turn it is.

What comes back is a view of such a buffer, which nobody writes to while it is held.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from srstream.engine.streams import Point, reached

Pinned: TypeAlias = Callable[[torch.Size, torch.dtype], Tensor]


def pinned(shape: torch.Size, kind: torch.dtype) -> Tensor:
    """Return memory of the host that a CUDA device copies from and to by itself."""
    return torch.empty(shape, dtype=kind, pin_memory=True)


def to_device(
    array: NDArray[Any], device: torch.device, *, buffer: Pinned = pinned
) -> Tensor:
    """Return a copy on the device; there it may be complete only later.

    Args:
        array: in one piece, of a type that torch has. What lies in pinned memory itself is
            copied from there, and must not be changed until the device has read it.
        device: a CUDA device.
        buffer: where from.
    """
    # torch warns of arrays that may only be read.
    source = torch.from_numpy(array) if array.flags.writeable else None
    if source is None or not source.is_pinned():
        source = buffer(torch.Size(array.shape), _kind(array))
        source.numpy()[...] = array
    return source.to(device, non_blocking=True)


class Arriving:
    """An array on its way from a device."""

    def __init__(self, host: Tensor, there: Point | None) -> None:
        """Hold on to the memory.

        Args:
            host: will have it.
            there: when it has; none: it has already.
        """
        self._host = host
        self._there = there

    def is_there(self) -> bool:
        """Tell whether nobody would wait for it."""
        return self._there is None or self._there.query()

    def wait(self) -> NDArray[Any]:
        """Return it; its memory is its own."""
        if self._there is not None:
            self._there.synchronize()
            self._there = None
        array: NDArray[Any] = self._host.numpy()
        return array


def to_host(tensor: Tensor, *, buffer: Pinned = pinned) -> Arriving:
    """Send a tensor to the host; what is done to it afterwards does not show there."""
    if tensor.device.type != "cuda":
        return Arriving(tensor, None)
    host = buffer(tensor.shape, tensor.dtype)
    host.copy_(tensor, non_blocking=True)
    return Arriving(host, reached(tensor.device))


def _kind(array: NDArray[Any]) -> torch.dtype:
    return torch.from_numpy(array[:0].copy()).dtype
