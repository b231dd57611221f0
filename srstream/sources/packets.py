"""The packets of a source that is told when there are some, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from srstream.ports import Packet


class Packets:
    """Waits for the next packet; a wait that is cancelled loses none."""

    def __init__(
        self,
        take: Callable[[], Packet | None],
        keeper: asyncio.Task[None],
        some_ready: asyncio.Event,
    ) -> None:
        """Wait for packets that `take` returns after `some_ready` was set.

        Args:
            take: Returns the next packet; none: there is none now.
            keeper: Who makes them ready; what ends it is raised to who waits.
            some_ready: Set when there may be one.
        """
        self._take = take
        self._keeper = keeper
        self._some_ready = some_ready
        keeper.add_done_callback(lambda _: some_ready.set())

    def __aiter__(self) -> Packets:
        return self

    async def __anext__(self) -> Packet:
        while (packet := self._take()) is None:
            if self._keeper.done():
                self._keeper.result()  # a bug: raises what ended it
                raise StopAsyncIteration
            self._some_ready.clear()
            await self._some_ready.wait()
        return packet
