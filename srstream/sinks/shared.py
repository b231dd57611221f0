"""One sink for the pipelines of several streams: its owner opens and closes it."""

from __future__ import annotations

import asyncio

from srstream.frames import Upscaled
from srstream.ports import Sink


class Shared:
    """Opened before the first of the pipelines and closed after the last, by its owner.

    Each pipeline is given a view of it, and writes in its turn.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Prepare; called once.

        Raises:
            SinkError: it cannot be written to now; each write tries anew.
        """
        await self._sink.open()

    async def close(self) -> None:
        """Finish; called once, when no view is used any more, also if `open` failed."""
        await self._sink.close()

    def view(self) -> Sink:
        """Return the sink as one of the pipelines has it; any number may be in use."""
        return _View(self._sink, self._turn)


class _View:
    """Writes to a sink whose opening and closing are not its business."""

    def __init__(self, sink: Sink, turn: asyncio.Lock) -> None:
        self.reports = sink.reports
        self.lasting = sink.lasting
        self._sink = sink
        self._turn = turn

    async def open(self) -> None:
        """Do nothing: the owner did."""

    async def write(self, item: Upscaled) -> None:
        """Write one frame when it is our turn; those who wait go in order."""
        async with self._turn:
            await self._sink.write(item)

    async def close(self) -> None:
        """Do nothing: the owner will."""
