"""What the ledger's file says about streams that are to be forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from srstream.stores.items import last_seq, note_stream
from srstream.stores.schema import TABLES

_LATER = ("folders", "streams")
"""Deleted last: a row that is deleted elsewhere changes its folder's."""


def names_below(db: sqlite3.Connection, prefix: str) -> set[str]:
    """Return the streams whose names begin so.

    Those are left out whose files are counted, so that the oldest can be deleted some day.
    """
    rows = db.execute(
        "SELECT stream FROM streams WHERE substr(stream, 1, ?) = ? "
        "AND stream NOT IN (SELECT stream FROM written)",
        (len(prefix), prefix),
    )
    return {stream for (stream,) in rows}


def forget_streams(db: sqlite3.Connection, names: Collection[str], into: str) -> int:
    """Delete all that is known of streams; return their highest number.

    Args:
        db: the ledger.
        names: of the streams.
        into: the stream that keeps this number.
    """
    highest = max((last_seq(db, name) for name in names), default=0)
    note_stream(db, into, highest)
    for table in (*sorted(TABLES.difference(_LATER)), *_LATER):
        query = f"DELETE FROM {table} WHERE stream = ?"  # noqa: S608 - of the schema
        db.executemany(query, ((name,) for name in names))
    return highest
