"""How long something takes: warmed up, the device waited for, median and spread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one call, over several calls."""

    median: float
    low: float
    """The first quartile."""
    high: float
    """The third quartile."""
    calls: int


def measure(
    function: Callable[[], object],
    *,
    device: torch.device,
    seconds: float = 1.0,
    least: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Call a function again and again, and time each call.

    Args:
        function: called once before the clock runs, so that it is warm.
        device: waited for at the end of each call.
        seconds: to go on for, about.
        least: calls at least.
        clock: monotonic seconds.
    """
    function()
    _wait_for(device)
    spent: list[float] = []
    while len(spent) < least or sum(spent) < seconds:
        began = clock()
        function()
        _wait_for(device)
        spent.append(clock() - began)
    low, median, high = np.percentile(spent, (25, 50, 75))
    return Timing(float(median), float(low), float(high), len(spent))


def rate(moments: list[float]) -> float:
    """Return how often per second something happened, from when it did, in seconds.

    What came before the first moment, such as a start, does not count.

    Raises:
        ValueError: it happened once or never.
    """
    if len(moments) < 2:
        raise ValueError(f"{len(moments)} frames in the time given: too few for a rate")
    return (len(moments) - 1) / (max(moments) - min(moments))


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
