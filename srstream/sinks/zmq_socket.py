"""A channel that any task may open, use and close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from srstream.transport.channel import Channel

Make: TypeAlias = Callable[[], AbstractAsyncContextManager[Channel]]


class KeptOpen:
    """Opens a channel when it is asked for, and keeps it until it is closed.

    A sink is opened, written to and closed by different tasks, while what is behind a
    channel may belong to the task that opened it. So that is a task of its own.
    """

    def __init__(self, make: Make) -> None:
        self._make = make
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Channel]
        self._ending: asyncio.Event
        self._leaving: set[asyncio.Task[None]] = set()

    async def channel(self) -> Channel:
        """Return it, opened.

        Raises:
            LinkError: it cannot be opened, or broke down; the next call tries anew.
        """
        if self._task is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._ending = asyncio.Event()
            self._task = asyncio.create_task(self._keep())
        task, ready = self._task, self._ready
        if ready.done() and not task.done():
            return ready.result()  # as a rule: to wait for both takes turns of the loop
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            self._task = None
            task.result()  # raises what ended it
        return ready.result()

    def let_go(self) -> None:
        """Close it, if it is open, without waiting; the next call opens another one."""
        task, self._task = self._task, None
        if task is None:
            return
        if self._ready.done():
            self._ending.set()
        else:
            task.cancel()
        self._leaving.add(task)

    async def close(self) -> None:
        """Close it, if it is open, and wait; without lingering when this is cancelled.

        Raises:
            LinkError: it broke down meanwhile.
        """
        self.let_go()
        leaving = self._leaving.copy()
        if not leaving:
            return
        try:
            await asyncio.wait(leaving)
        except asyncio.CancelledError:
            for task in leaving:
                task.cancel()
            raise
        self._leaving -= leaving
        for task in leaving:
            if not task.cancelled():
                task.result()

    async def _keep(self) -> None:
        async with self._make() as channel:
            self._ready.set_result(channel)
            await self._ending.wait()
