"""How much memory a process has, and the most it had."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_MB = 1e6
_EVERY = 0.05
"""Seconds between two looks."""


@dataclass(slots=True)
class Most:
    """The most that was seen so far."""

    mb: float = 0.0


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, 0 if there is none."""
    try:
        return float(psutil.Process(pid).memory_info().rss / _MB)
    except psutil.NoSuchProcess:
        return 0.0


@contextmanager
def most_resident(pid: int) -> Iterator[Most]:
    """Watch a process from a thread."""
    most, over = Most(), threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            most.mb = max(most.mb, resident_mb(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()
        most.mb = max(most.mb, resident_mb(pid))
