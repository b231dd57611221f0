"""The ledger from another process, while a daemon writes it or while none does. Blocks."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote_from_bytes

from srstream.errors import StateDirError
from srstream.ledger import Entry, Fate
from srstream.stores.database import BUSY_SECONDS, Malformed, check_format
from srstream.stores.items import entry_of
from srstream.stores.schema import FORMAT
from srstream.stores.sqlite_errors import errno_of, is_malformed
from srstream.stores.state_dir import state_dir_error


@dataclass(frozen=True, slots=True)
class StreamTotals:
    """How a stream stands."""

    stream: str
    taken: int
    """Handed out, and not yet done."""
    done: int
    failed: int
    retries: int
    """Failed ones that an operator wants tried again."""
    last_seq: int
    last_time: float | None
    """When the latest of all this was noted, in seconds since 1970."""


class LedgerView:
    """Reads, and leaves requests; never makes a ledger, and does not need the lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `LedgerView.open`."""
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, requesting: bool = False) -> Iterator[Self]:
        """Open a ledger that is there.

        Args:
            path: The file.
            requesting: Whether `request` will be called; if not, nothing is written.

        Raises:
            StateDirError: it is not there, cannot be read, or is no ledger; also later on.
        """
        mode = "rw" if requesting else "ro"
        uri = f"file:{quote_from_bytes(os.fsencode(path.absolute()))}?mode={mode}"
        try:
            with closing(
                sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            ) as connection:
                _check(path, connection)
                yield cls(connection)
        except sqlite3.Error as error:
            message = f"{path}: the ledger cannot be read: {error}"
            if is_malformed(error):
                message += "; the next start of the daemon sets it aside"
            raise state_dir_error(message, errno_of(error)) from error

    def streams(self) -> list[str]:
        """Return the names of all streams that ever noted something."""
        rows = self._connection.execute("SELECT stream FROM streams ORDER BY stream")
        return [stream for (stream,) in rows]

    def totals(self, stream: str) -> StreamTotals:
        """Return how a stream stands."""
        execute = self._connection.execute
        (last_seq,) = execute(
            "SELECT coalesce(max(last_seq), 0) FROM streams WHERE stream = ?", (stream,)
        ).fetchone()
        taken, failed, known, retries = (
            execute(query, (stream,)).fetchone()[0]
            for query in (
                "SELECT count(*) FROM items WHERE stream = ? AND fate = 'taken'",
                "SELECT count(*) FROM items WHERE stream = ? AND fate = 'failed'",
                "SELECT count(*) FROM items WHERE stream = ?",
                "SELECT count(*) FROM requests WHERE stream = ?",
            )
        )
        (time,) = execute(
            "SELECT max(time) FROM items WHERE stream = ?", (stream,)
        ).fetchone()
        done = known - taken - failed
        return StreamTotals(stream, taken, done, failed, retries, last_seq, time)

    def latest(self, stream: str, limit: int) -> list[Entry]:
        """Return the latest entries of a stream, the newest first."""
        rows = self._connection.execute(
            "SELECT * FROM entries WHERE stream = ? ORDER BY time DESC LIMIT ?",
            (stream, limit),
        )
        return [entry_of(row) for row in rows]

    def failed(self, stream: str, limit: int = -1) -> list[Entry]:
        """Return the latest failed ones, the newest first; below zero: no limit."""
        rows = self._connection.execute(
            "SELECT * FROM entries WHERE stream = ? AND fate = 'failed' "
            "ORDER BY time DESC LIMIT ?",
            (stream, limit),
        )
        return [entry_of(row) for row in rows]

    def fate(self, stream: str, source: str) -> Fate | None:
        """Return how far a source's content came; none: it is not known."""
        row = self._connection.execute(
            "SELECT fate FROM items WHERE stream = ? AND source = ?",
            (stream, os.fsencode(source)),
        ).fetchone()
        return Fate(row[0]) if row else None

    def request(self, wanted: Collection[tuple[str, str]]) -> None:
        """Ask that failed ones are tried again, all or none: stream and source.

        Whatever has not failed, by now, is left out.
        """
        execute = self._connection.execute
        execute("PRAGMA synchronous = FULL")
        execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT OR IGNORE INTO requests SELECT stream, source FROM items "
            "WHERE stream = ? AND source = ? AND fate = 'failed'",
            [(stream, os.fsencode(source)) for stream, source in wanted],
        )
        execute("COMMIT")


def _check(path: Path, connection: sqlite3.Connection) -> None:
    try:
        found = check_format(path, connection)
    except Malformed as error:
        raise StateDirError(f"{path}: this is no ledger: {error}") from error
    if found != FORMAT:
        raise StateDirError(f"{path}: nothing stands in this ledger yet")
