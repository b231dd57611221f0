"""A moment after which waiting is cut short, set from outside while others wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cutoff:
    """Ends what runs under `move_on` when its moment comes; without one, never.

    Unlike a cancelled task, a task that was cut short goes on behind the block, so it
    can tidy up at leisure.
    """

    def __init__(self) -> None:
        self._when: float | None = None
        self._inside: set[asyncio.Timeout] = set()

    @property
    def has_come(self) -> bool:
        """Whether there is a moment, and it is now or past."""
        return self._when is not None and asyncio.get_running_loop().time() >= self._when

    def set(self, seconds: float) -> None:
        """Let the moment be this many seconds from now; an earlier one stays."""
        when = asyncio.get_running_loop().time() + seconds
        if self._when is not None and self._when <= when:
            return
        self._when = when
        for timeout in self._inside:
            timeout.reschedule(when)

    @asynccontextmanager
    async def move_on(self) -> AsyncIterator[None]:
        """Leave the block, without an error, when the moment comes."""
        timeout = asyncio.timeout_at(self._when)
        try:
            async with timeout:
                self._inside.add(timeout)
                try:
                    yield
                finally:
                    self._inside.discard(timeout)
        except TimeoutError:
            if not timeout.expired():
                raise
