"""A thread on which one part touches the disk, one thing after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class OwnThread:
    """Runs one piece of work after the other; starts with the first."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, and raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def drained(self) -> None:
        """Return when all is done that was begun, also if nobody waits for it any more."""
        await self.run(_nothing)

    def close(self) -> None:
        """Take no more work; what is being done is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _nothing() -> None:
    """Be done when all before it is."""
