"""Signals as something to wait for.

Of SIGTERM and SIGINT the first asks to stop, the second insists. SIGHUP asks to reload, or
where there is nothing to reload to stop: a terminal was closed.
"""

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


class Signals:
    """Takes the signals over while it is open; in the main thread only."""

    def __init__(
        self,
        at_once: Callable[[int], None],
        *,
        reload: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take nothing over yet.

        Args:
            at_once: called with the number of each signal to stop after the first one and
                its echo.
            reload: SIGHUP asks to reload; else to stop, unless it is ignored (nohup).
            clock: monotonic seconds.
        """
        self._clock = clock
        self._at_once = at_once
        self._numbers = list(_STOP)
        if not reload and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._numbers.append(signal.SIGHUP)
        self._reloads = reload
        self._stop = asyncio.Event()
        self._stop_came = 0.0
        self._reload = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in self._numbers:
            loop.add_signal_handler(number, self._take, number)
        if self._reloads:
            loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in self._numbers:
            loop.remove_signal_handler(number)
        if self._reloads:
            loop.remove_signal_handler(signal.SIGHUP)

    async def wait_for_stop(self) -> None:
        """Wait for the first SIGTERM or SIGINT."""
        await self._stop.wait()

    async def wait_for_reload(self) -> None:
        """Wait for a SIGHUP; all that came since the last call count as one."""
        await self._reload.wait()
        self._reload.clear()

    def _take(self, number: int) -> None:
        now = self._clock()
        if not self._stop.is_set():
            self._stop_came = now
            self._stop.set()
        elif now >= self._stop_came + _ECHO:
            self._at_once(number)
