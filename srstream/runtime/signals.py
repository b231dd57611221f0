"""SIGTERM and SIGINT as something to wait for: the first asks, the second insists."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_STOP = (signal.SIGTERM, signal.SIGINT)
_ECHO = 0.1
"""Seconds within which a second signal is still the first: timeout(1) and other wrappers
signal the process and then its whole group."""


class StopSignals:
    """Takes the two signals over while it is open; in the main thread only."""

    def __init__(
        self,
        at_once: Callable[[int], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._at_once = at_once
        """Called with the number of each signal after the first and its echo."""
        self._came = asyncio.Event()
        self._came_at = 0.0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _STOP:
            loop.add_signal_handler(number, self._take, number)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in _STOP:
            loop.remove_signal_handler(number)

    async def wait(self) -> None:
        """Wait for the first signal."""
        await self._came.wait()

    def _take(self, number: int) -> None:
        now = self._clock()
        if not self._came.is_set():
            self._came_at = now
            self._came.set()
        elif now >= self._came_at + _ECHO:
            self._at_once(number)
