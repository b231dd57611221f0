"""How long something takes: warmed up, the device waited for, median and spread.

What is to be compared is timed by turns: what else the machine does then hits all alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
    p95: float
    """Of 100 calls, 95 took no longer."""
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
    wait_for(device)
    spent: list[float] = []
    while len(spent) < least or sum(spent) < seconds:
        spent.append(_timed(function, device, clock))
    return timing_of(spent)


def by_turns(
    functions: Mapping[str, Callable[[], object]],
    *,
    device: torch.device,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Call one function after the other, round after round; return seconds by name.

    Every round begins with another one, so that none always follows the same.

    Args:
        functions: called once each before the clock runs.
        device: waited for at the end of each call.
        rounds: calls of each that are timed.
        clock: monotonic seconds.
    """
    for function in functions.values():
        function()
    wait_for(device)
    names = list(functions)
    spent: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            spent[name].append(_timed(functions[name], device, clock))
    return spent


def timing_of(spent: Sequence[float]) -> Timing:
    """Sum up the seconds of several calls."""
    low, median, high, p95 = (float(x) for x in np.percentile(spent, (25, 50, 75, 95)))
    return Timing(median, low, high, p95, len(spent))


def in_ms(timing: Timing) -> str:
    """Return milliseconds for a table: the median, and in brackets the p95."""
    median, p95 = 1e3 * timing.median, 1e3 * timing.p95
    digits = 2 if p95 < 10 else 1 if p95 < 100 else 0
    return f"{median:.{digits}f} ({p95:.{digits}f})"


def rate(moments: list[float]) -> float:
    """Return how often per second something happened, from when it did, in seconds.

    What came before the first moment, such as a start, does not count.

    Raises:
        ValueError: it happened once or never.
    """
    if len(moments) < 2:
        raise ValueError(f"{len(moments)} frames in the time given: too few for a rate")
    return (len(moments) - 1) / (max(moments) - min(moments))


def wait_for(device: torch.device) -> None:
    """Wait until a device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _timed(
    function: Callable[[], object], device: torch.device, clock: Callable[[], float]
) -> float:
    began = clock()
    function()
    wait_for(device)
    return clock() - began
