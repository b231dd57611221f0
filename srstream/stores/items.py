"""What the ledger's file says about sources: one row for the latest content of each."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from srstream.frames import Content
from srstream.ledger import Entry, Fate, Signature

_STILL_FRESH = 3600.0
"""Seconds in which a file that was seen need not be noted again."""


def entry_of(row: Sequence[Any]) -> Entry:
    """Return the entry for a row of the view `entries`."""
    (
        source,
        name,
        size,
        mtime_ns,
        fate,
        digest,
        read_at_ns,
        seq,
        reason,
        time,
        moved_to,
    ) = row[:11]
    return Entry(
        source=os.fsdecode(source),
        name=os.fsdecode(name),
        signature=Signature(size, mtime_ns),
        fate=Fate(fate),
        content=None if digest is None else Content(digest, read_at_ns),
        seq=seq,
        reason=reason,
        time=time,
        moved_to=os.fsdecode(moved_to),
    )


def entries(
    db: sqlite3.Connection, stream: str, sources: Iterable[bytes]
) -> dict[str, Entry]:
    """Return what is known of these sources."""
    query = "SELECT * FROM entries WHERE stream = ? AND source = ?"
    rows = (db.execute(query, (stream, source)).fetchone() for source in sources)
    return {entry.source: entry for entry in map(entry_of, filter(None, rows))}


def owners(db: sqlite3.Connection, stream: str, names: Iterable[bytes]) -> dict[str, str]:
    """Return which source has which of these names of outputs."""
    query = "SELECT name, source FROM items WHERE stream = ? AND name = ? LIMIT 1"
    rows = (db.execute(query, (stream, name)).fetchone() for name in names)
    return {os.fsdecode(row[0]): os.fsdecode(row[1]) for row in rows if row}


def took(
    db: sqlite3.Connection,
    stream: str,
    source: bytes,
    name: bytes,
    signature: Signature,
    now: float,
) -> None:
    """Note that a content was handed out; outputs of another one are forgotten."""
    note_stream(db, stream)
    before = db.execute(
        "SELECT size, mtime_ns, fate FROM items WHERE stream = ? AND source = ?",
        (stream, source),
    ).fetchone()
    size, mtime_ns = signature.size, signature.mtime_ns
    if before == (size, mtime_ns, Fate.TAKEN):
        # A run before came no further: its outputs that stand are still of use.
        db.execute(
            "UPDATE items SET name = ?, time = ?, seen = ?, moved_to = x'' "
            "WHERE stream = ? AND source = ?",
            (name, now, now, stream, source),
        )
        return
    forget(db, [(stream, source)])
    db.execute(
        "INSERT INTO items (stream, source, name, size, mtime_ns, fate, reason, time, "
        "moved_to, seen) VALUES (?, ?, ?, ?, ?, 'taken', '', ?, x'', ?)",
        (stream, source, name, size, mtime_ns, now, now),
    )


def adopt(
    db: sqlite3.Connection,
    stream: str,
    sources: Iterable[tuple[str, str, Signature]],
    now: float,
) -> None:
    """Note as done what was done before this ledger was: source, name, signature."""
    note_stream(db, stream)
    db.executemany(
        "INSERT OR REPLACE INTO items (stream, source, name, size, mtime_ns, fate, reason, "
        "time, moved_to, seen) VALUES (?, ?, ?, ?, ?, 'done', '', ?, x'', ?)",
        (
            (
                *(stream, os.fsencode(source), os.fsencode(name)),
                *(signature.size, signature.mtime_ns, now, now),
            )
            for source, name, signature in sources
        ),
    )


def verified(
    db: sqlite3.Connection,
    stream: str,
    source: bytes,
    signature: Signature,
    content: Content,
    now: float,
) -> None:
    """Note that a file, read again, holds what is known already."""
    db.execute(
        "UPDATE items SET size = ?, mtime_ns = ?, digest = ?, read_at_ns = ?, seen = ? "
        "WHERE stream = ? AND source = ?",
        (
            *(signature.size, signature.mtime_ns, content.digest, content.read_at_ns),
            *(now, stream, source),
        ),
    )


def present(
    db: sqlite3.Connection, stream: str, sources: Iterable[bytes], now: float
) -> None:
    """Note that files are still there, where that is not known from the last hour."""
    db.executemany(
        "UPDATE items SET seen = ? WHERE stream = ? AND source = ? AND seen < ?",
        ((now, stream, source, now - _STILL_FRESH) for source in sources),
    )


def moved(db: sqlite3.Connection, stream: str, source: bytes, to: bytes) -> None:
    """Note where a file is now."""
    db.execute(
        "UPDATE items SET moved_to = ? WHERE stream = ? AND source = ?",
        (to, stream, source),
    )


def on_their_way_back(db: sqlite3.Connection, stream: str) -> list[Entry]:
    """Return those that were to be tried again when a run died, and are still away."""
    rows = db.execute(
        "SELECT * FROM entries WHERE stream = ? AND fate = 'taken' AND moved_to <> x''",
        (stream,),
    )
    return [entry_of(row) for row in rows]


def retries(db: sqlite3.Connection, stream: str, now: float) -> list[Entry]:
    """Return failed ones that are wanted again; from now on they are not yet done."""
    rows = db.execute(
        "SELECT * FROM entries WHERE stream = ? AND fate = 'failed' "
        "AND source IN (SELECT source FROM requests WHERE stream = ?)",
        (stream, stream),
    ).fetchall()
    # Not deleted: should the process die now, they are still known, with their names.
    db.executemany(
        "UPDATE items SET fate = 'taken', reason = '', seq = NULL, digest = NULL, "
        "read_at_ns = NULL, time = ?, seen = ? WHERE stream = ? AND source = ?",
        ((now, now, stream, row[0]) for row in rows),
    )
    db.execute("DELETE FROM requests WHERE stream = ?", (stream,))
    return [entry_of(row) for row in rows]


def forget(db: sqlite3.Connection, keys: Sequence[tuple[str, bytes]]) -> None:
    """Delete all that is known of these sources: stream, source."""
    for statement in (
        "DELETE FROM items WHERE stream = ? AND source = ?",
        "DELETE FROM frames WHERE stream = ? AND source = ?",
        "DELETE FROM outputs WHERE stream = ? AND source = ?",
        "DELETE FROM requests WHERE stream = ? AND source = ?",
    ):
        db.executemany(statement, keys)


def note_stream(db: sqlite3.Connection, stream: str, seq: int = 0) -> None:
    """Note that this stream is known, and that its last number is at least this."""
    db.execute(
        "INSERT INTO streams VALUES (?, ?) "
        "ON CONFLICT (stream) DO UPDATE SET last_seq = max(last_seq, excluded.last_seq)",
        (stream, seq),
    )


def last_seq(db: sqlite3.Connection, stream: str) -> int:
    """Return the stream's last number, or 0."""
    row = db.execute("SELECT last_seq FROM streams WHERE stream = ?", (stream,)).fetchone()
    return int(row[0]) if row else 0
