"""How late a timer fires: what a neighbour of the computation feels."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

TICK = 0.005
"""Seconds between two timers."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Milliseconds by which timers fired too late."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    timers: int


def lateness_of(seconds: list[float]) -> Lateness:
    """Sum up; `seconds` are how late each timer was.

    Raises:
        ValueError: there is none.
    """
    if not seconds:
        raise ValueError("no timer fired: the work was too short to measure")
    p50, p99, most = (1e3 * float(share) for share in np.percentile(seconds, (50, 99, 100)))
    return Lateness(p50, p99, most, len(seconds))


async def tick(
    seen: list[float], *, until: Callable[[], bool], counts: Callable[[], bool]
) -> None:
    """Set timers on the event loop, and note how late each one was.

    Args:
        seen: seconds are appended here.
        until: asked after each timer; true ends.
        counts: asked after each timer; only where true it is noted.
    """
    while not until():
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        if counts():
            seen.append(max(time.perf_counter() - due, 0.0))


@contextmanager
def thread_beside() -> Iterator[list[float]]:
    """Set timers on a thread, as long as this is open; the list fills meanwhile."""
    seen: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        due = time.perf_counter() + TICK
        while not ended.wait(TICK):
            seen.append(max(time.perf_counter() - due, 0.0))
            due = time.perf_counter() + TICK

    thread = threading.Thread(target=watch, name="beside", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
