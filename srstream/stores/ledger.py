"""The ledger: one file for all streams, and one thread that writes it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from srstream.stores import forgetting, retention
from srstream.stores.database import mark_malformed, open_database
from srstream.stores.sqlite_errors import errno_of
from srstream.stores.state_dir import state_dir_error
from srstream.stores.stream_ledger import StreamLedger
from srstream.stores.writer import Writer

_PRUNED_AT_ONCE = 500
"""Rows, some ms; the streams get their turn in between."""


class Ledger:
    """What became of every frame of every stream; see `srstream.ledger.Ledger`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        is_new: bool,
        clock: Callable[[], float],
    ) -> None:
        """Use `Ledger.open`."""
        self.is_new = is_new
        """Whether the file was made just now."""
        self._clock = clock
        self._opened = clock()
        rows = connection.execute("SELECT stream, last_seq FROM streams").fetchall()
        self._last_seqs: dict[str, int] = dict(rows)
        self._streams: dict[str, StreamLedger] = {}
        self._writer = Writer(connection, str(path), malformed=partial(_mark, path))

    @classmethod
    def open(cls, path: Path, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the file, or make it. Blocks.

        A file that is broken, or no ledger, is renamed to `<name>.rejected-<time>`, and
        the ledger begins anew.

        Args:
            path: The file; only one process may have it open as a ledger.
            clock: Seconds since 1970.

        Raises:
            StateDirError: it cannot be made or written, or is of a newer format.
        """
        connection, is_new = open_database(path, now=clock())
        try:
            return cls(connection, path, is_new=is_new, clock=clock)
        except sqlite3.Error as exc:
            connection.close()
            message = f"{path}: the ledger cannot be read: {exc}"
            raise state_dir_error(message, errno_of(exc)) from exc

    def stream(self, name: str) -> StreamLedger:
        """Return the ledger of a stream; the same one each time."""
        if name not in self._streams:
            self._streams[name] = StreamLedger(
                name,
                self._writer,
                self._clock,
                last_seq=self._last_seqs.get(name, 0),
                is_new=name not in self._last_seqs,
            )
        return self._streams[name]

    async def names_below(self, prefix: str) -> set[str]:
        """Return the streams whose names begin so, but for those that count their files."""
        return await self._writer.do(partial(forgetting.names_below, prefix=prefix))

    async def forget(self, names: Collection[str], *, into: str) -> None:
        """Forget streams that do not run; another one goes on above their numbers."""
        work = partial(forgetting.forget_streams, names=names, into=into)
        highest = await self._writer.do(work)
        for name in names:
            self._streams.pop(name, None)
            self._last_seqs.pop(name, None)
        await self.stream(into).seq_at_least(highest)

    async def prune(self, older_than_seconds: float) -> int:
        """Delete what was not seen for so long; return how many rows.

        Nothing ages in a folder in which nothing is seen: its share may be away.
        What is in flight stays, and so does what was taken since the ledger was opened.
        That a file is there is noted once an hour at most: ages are to be well above it.
        """
        work = partial(
            retention.prune,
            older_than=older_than_seconds,
            now=self._clock(),
            in_use=frozenset(self._streams),
            taken_before=self._opened,
            limit=_PRUNED_AT_ONCE,
        )
        total = 0
        while deleted := await self._writer.do(work):
            total += deleted
        return total

    async def close(self, within: float = 5.0) -> bool:
        """Write what waits, within as many seconds; true if all was written."""
        return await asyncio.to_thread(self.close_now, within)

    def close_now(self, within: float = 5.0) -> bool:
        """Do the same where there is no event loop. Blocks."""
        return self._writer.close(within)


def _mark(path: Path, reason: str) -> None:
    with suppress(OSError):  # without the mark, the next run finds out by itself
        mark_malformed(path, reason)
