"""What the ledger's file says about lines of statistics, until all followers have them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from srstream.ledger import Line

_HIGHEST = 2**63 - 1
"""The highest number that SQLite holds."""


def lines(db: sqlite3.Connection, stream: str, after: int, limit: int) -> list[Line]:
    """Return the next lines, in the order of their numbers."""
    rows = db.execute(
        "SELECT seq, text FROM lines WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
        (stream, after, limit),
    )
    return [Line(seq, text) for seq, text in rows]


def told(db: sqlite3.Connection, stream: str, follower: str, seq: int) -> None:
    """Note how far a follower is; lines that all have are deleted."""
    db.execute(
        "INSERT INTO followers VALUES (?, ?, ?) "
        "ON CONFLICT (stream, follower) DO UPDATE SET seq = max(seq, excluded.seq)",
        (stream, follower, seq),
    )
    _drop_lines(db, stream)


def told_up_to(db: sqlite3.Connection, stream: str, follower: str) -> int:
    """Return how far a follower is; a new one is noted."""
    db.execute("INSERT OR IGNORE INTO followers VALUES (?, ?, 0)", (stream, follower))
    (seq,) = db.execute(
        "SELECT seq FROM followers WHERE stream = ? AND follower = ?", (stream, follower)
    ).fetchone()
    return int(seq)


def only(db: sqlite3.Connection, stream: str, followers: Collection[str]) -> None:
    """Forget all followers but these, and the lines that only the others waited for."""
    known = db.execute("SELECT follower FROM followers WHERE stream = ?", (stream,))
    for (follower,) in known.fetchall():
        if follower not in followers:
            key = stream, follower
            db.execute("DELETE FROM followers WHERE stream = ? AND follower = ?", key)
    _drop_lines(db, stream)


def _drop_lines(db: sqlite3.Connection, stream: str) -> None:
    """Delete the lines that no follower waits for; without followers, all."""
    db.execute(
        "DELETE FROM lines WHERE stream = ? "
        "AND seq <= (SELECT coalesce(min(seq), ?) FROM followers WHERE stream = ?)",
        (stream, _HIGHEST, stream),
    )
