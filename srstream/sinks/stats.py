"""One line of JSON about every frame, copied from the ledger to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog

from srstream import quantities
from srstream.errors import SinkError
from srstream.frames import Upscaled
from srstream.ownthread import OwnThread
from srstream.ports import StreamContext
from srstream.sinks.linefile import LineFile
from srstream.sinks.rotation import Rotation
from srstream.sinks.storing import sink_error

Result = TypeVar("Result")

_BATCH = 1000  # lines taken from the ledger at once


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """A file of statistics."""

    path: str
    """The file, one line of JSON per frame; appended to, and made if it is missing."""
    rotate_size: str = "100MB"
    """The file is set aside as `.1` before it grows larger than this; empty: never."""
    rotate_age: str = ""
    """The same when its first line is as old as this, such as 1d; empty: never."""
    rotated: int = 5
    """How many files set aside are kept, 1 to 1000."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path is empty; name a file")
        if not 1 <= self.rotated <= 1000:
            raise ValueError(f"rotated is {self.rotated}; allowed: 1 to 1000")
        self.rotation()

    def rotation(self) -> Rotation:
        """Return when the file is set aside.

        Raises:
            ValueError: `rotate_size` or `rotate_age` says nothing of the kind.
        """
        return Rotation(
            _read("rotate_size", self.rotate_size, quantities.size),
            _read("rotate_age", self.rotate_age, quantities.duration),
            self.rotated,
        )


class StatsSink:
    """Follows the ledger: what is missing in the file is appended with every frame.

    Lines stay in the ledger until they are in the file and the file is synced, which
    happens once a second at most.
    """

    reports = True
    lasting = False

    def __init__(
        self,
        options: StatsOptions,
        context: StreamContext,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sync_every: float = 1.0,
    ) -> None:
        self._path = context.base / options.path
        self._follower = str(self._path.absolute())
        self._ledger = context.ledger
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger().bind(
            stream=context.stream, file=str(self._path)
        )
        self._file = LineFile(
            self._path, context.stream, options.rotation(), now=now, log=self._log
        )
        self._told = 0
        self._sync_every = sync_every
        self._has_news = asyncio.Event()
        self._syncing: asyncio.Task[None] | None = None
        self._thread = OwnThread(f"srstream-stats-{context.stream}")

    async def open(self) -> None:
        """Remove a line that a crash left unfinished, and append what is missing.

        Raises:
            SinkUnavailable: the file cannot be written now.
            SinkError: it never can, or is not one of statistics.
        """
        self._told = await self._ledger.told_up_to(self._follower)
        self._syncing = asyncio.create_task(self._keep_synced())
        await self._follow()

    async def write(self, item: Upscaled) -> None:
        """Append the line about this frame, and those that could not be written before.

        Raises:
            SinkUnavailable: the file cannot be written now; the next write catches up.
            SinkError: it never can, or is not one of statistics.
        """
        del item  # the ledger has the line
        await self._follow()

    async def close(self) -> None:
        """Sync the file and let the thread end.

        Raises:
            SinkError: the file cannot be synced; lines are written again if need be.
        """
        try:
            if self._syncing is not None:
                self._syncing.cancel()
                with suppress(asyncio.CancelledError):
                    await self._syncing
            await self._sync()
        except asyncio.CancelledError:
            # Nothing may be appended when the next run of the stream has begun the file.
            await self._thread.drained()
            raise
        finally:
            self._thread.close()

    async def _follow(self) -> None:
        try:
            while True:
                if not self._file.is_sound:
                    await self._begin()
                lines = await self._ledger.lines(self._file.last, _BATCH)
                if lines:
                    await self._thread.run(partial(self._file.append, lines))
                    self._has_news.set()
                    self._tell()  # of a file that was set aside, or moved away
                if self._file.is_sound and len(lines) < _BATCH:
                    return
        except SinkError:
            raise
        except OSError as exc:
            raise sink_error(self._path, exc) from exc

    async def _begin(self) -> None:
        there = await self._thread.run(partial(self._file.begin, self._told))
        if there > self._ledger.last_seq:  # the ledger is not the one that numbered these
            await self._ledger.seq_at_least(there)
        self._tell()

    async def _keep_synced(self) -> None:
        while True:
            await self._has_news.wait()
            await asyncio.sleep(self._sync_every)
            self._has_news.clear()
            try:
                await self._sync()
            except SinkError as error:
                self._log.warning("statistics cannot be synced", reason=str(error))

    async def _sync(self) -> None:
        try:
            await self._thread.run(self._file.sync)
        except OSError as exc:
            raise sink_error(self._path, exc) from exc
        finally:
            self._tell()

    def _tell(self) -> None:
        if self._file.synced > self._told:
            self._told = self._file.synced
            self._ledger.told(self._follower, self._told)


def _read(key: str, text: str, read: Callable[[str], Result]) -> Result | None:
    if not text:
        return None
    try:
        return read(text)
    except ValueError as exc:
        raise ValueError(f"{key} is {exc}") from exc
