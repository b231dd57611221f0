"""SIGTERM and SIGINT as something to wait for: the first asks, the second insists."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Self

_STOP = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Takes the two signals over while it is open; in the main thread only."""

    def __init__(self, at_once: Callable[[int], None]) -> None:
        self._at_once = at_once
        """Called with the number of each signal after the first."""
        self._came = asyncio.Event()

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
        if self._came.is_set():
            self._at_once(number)
        self._came.set()
