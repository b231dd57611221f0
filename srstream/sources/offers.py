"""What somebody offers now and then, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


class Offers(Generic[Item]):
    """Waits for the next item; a wait that is cancelled loses none."""

    def __init__(
        self,
        take: Callable[[], Item | None],
        changed: asyncio.Event,
        is_over: Callable[[], bool],
    ) -> None:
        """Wait for items that `take` returns after `changed` was set.

        Args:
            take: returns the next item; none: there is none now.
            changed: set when there may be one, or when it is over.
            is_over: asked when there is none: whether there will be no more, or what it
                raises.
        """
        self._take = take
        self._changed = changed
        self._is_over = is_over

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while (item := self._take()) is None:
            if self._is_over():
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return item
