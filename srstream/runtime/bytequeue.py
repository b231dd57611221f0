"""A queue between two tasks, bounded in bytes: frames differ in size a thousandfold.

And in number: a tiny frame takes more memory for what is known of it than for its pixels.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")

MOST_ITEMS = 256
"""Enough to keep the next step busy, whatever the items are."""


class QueueClosedError(Exception):
    """The queue is closed, and to a getter: empty as well."""


class ByteQueue(Generic[Item]):
    """First in, first out; putters wait while there is no room for what they bring.

    A cancelled `put` has put nothing in and a cancelled `get` has taken nothing out.
    """

    def __init__(self, max_bytes: int, *, max_items: int = MOST_ITEMS) -> None:
        self._max_bytes = max_bytes
        self._max_items = max_items
        self._bytes = 0
        self._items: deque[tuple[Item, int]] = deque()
        self._closed = False
        # One putter and one getter at a time look at the queue; the locks are fair, so
        # that small items do not overtake a big one for ever.
        self._putting = asyncio.Lock()
        self._getting = asyncio.Lock()
        self._taken = asyncio.Event()
        self._filled = asyncio.Event()

    @property
    def bytes(self) -> int:
        """The sizes of all items together."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: Item, nbytes: int) -> None:
        """Add an item, after waiting for room.

        An item above the bound is let in when the queue is empty: it could never pass.

        Raises:
            QueueClosedError: the queue was closed before there was room.
        """
        async with self._putting:
            while not self._closed and self._items and not self._fits(nbytes):
                self._taken.clear()
                await self._taken.wait()
            if self._closed:
                raise QueueClosedError
            self._items.append((item, nbytes))
            self._bytes += nbytes
            self._filled.set()

    async def get(self) -> Item:
        """Take the oldest item, after waiting for one.

        Raises:
            QueueClosedError: there is none and there will be none.
        """
        async with self._getting:
            while not self._items:
                if self._closed:
                    raise QueueClosedError
                self._filled.clear()
                await self._filled.wait()
            item, nbytes = self._items.popleft()
            self._bytes -= nbytes
            self._taken.set()
            return item

    def close(self) -> None:
        """Let nothing more in; what is inside can still be taken out."""
        self._closed = True
        self._taken.set()
        self._filled.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await self.get()
        except QueueClosedError:
            raise StopAsyncIteration from None

    def _fits(self, nbytes: int) -> bool:
        return (
            self._bytes + nbytes <= self._max_bytes and len(self._items) < self._max_items
        )
