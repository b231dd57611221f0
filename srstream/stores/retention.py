"""What the ledger's file says about folders that keep only so many files; its own age."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable

from srstream.quantities import Keep
from srstream.stores.items import forget

_STILL_FRESH = 3600.0
"""Seconds in which a folder that was used need not be noted again."""
_OLDEST = (
    "SELECT path, size FROM written WHERE stream = ? AND folder = ? ORDER BY id LIMIT ?"
)
_OLDER_THAN = (
    "SELECT path, size FROM written WHERE stream = ? AND folder = ? AND time < ? "
    "ORDER BY time, id LIMIT ?"
)


def wrote(
    db: sqlite3.Connection, stream: str, folder: bytes, path: bytes, size: int, now: float
) -> None:
    """Note a file; one that is written anew is the newest."""
    dropped(db, stream, folder, [path])
    db.execute(
        "INSERT INTO written (stream, folder, path, size, time) VALUES (?, ?, ?, ?, ?)",
        (stream, folder, path, size, now),
    )


def dropped(
    db: sqlite3.Connection, stream: str, folder: bytes, paths: Iterable[bytes]
) -> None:
    """Note that files are deleted."""
    db.executemany(
        "DELETE FROM written WHERE stream = ? AND folder = ? AND path = ?",
        ((stream, folder, path) for path in paths),
    )


def excess(
    db: sqlite3.Connection, stream: str, folder: bytes, keep: Keep, limit: int, now: float
) -> list[tuple[str, int]]:
    """Return the oldest files beyond what is kept: path and size, at most `limit`."""
    db.execute(
        "UPDATE folders SET used = ? WHERE stream = ? AND folder = ? AND used < ?",
        (now, stream, folder, now - _STILL_FRESH),
    )
    totals = db.execute(
        "SELECT files, bytes FROM folders WHERE stream = ? AND folder = ?", (stream, folder)
    ).fetchone()
    files, total = totals or (0, 0)
    if keep.files is not None:
        limit = min(limit, files - keep.files)
    too_many_bytes = float("inf") if keep.bytes is None else total - keep.bytes
    # The order in which they were written, and not by time: a clock that was set back
    # would have the newest files deleted.
    if keep.seconds is None:
        rows = db.execute(_OLDEST, (stream, folder, max(limit, 0)))
    else:
        before = now - keep.seconds
        rows = db.execute(_OLDER_THAN, (stream, folder, before, max(limit, 0)))
    found: list[tuple[str, int]] = []
    for path, size in rows:
        if too_many_bytes <= 0:
            break
        found.append((os.fsdecode(path), size))
        too_many_bytes -= size
    return found


def prune(
    db: sqlite3.Connection,
    *,
    older_than: float,
    now: float,
    in_use: Collection[str],
    taken_before: float,
    limit: int,
) -> int:
    """Delete some of what was not seen for long; return how many rows, 0 in the end.

    Args:
        db: The ledger.
        older_than: Seconds.
        now: Seconds since 1970.
        in_use: Streams that look at their folders. Of these, nothing ages while nothing is
            seen: a share that is away for long is not a folder that was emptied.
        taken_before: What was taken since then may be in somebody's hands, and stays.
        limit: At most so many rows of each kind.
    """
    before = now - older_than
    items: list[tuple[str, bytes]] = []
    for (stream,) in db.execute("SELECT stream FROM streams").fetchall():
        latest = _latest_seen(db, stream) if stream in in_use else now
        items += db.execute(
            "SELECT stream, source FROM items WHERE stream = ? AND seen < ? "
            "AND NOT (fate = 'taken' AND time >= ?) "
            "AND (stream, source) NOT IN (SELECT stream, source FROM frames) "
            "ORDER BY seen LIMIT ?",
            (stream, min(now, latest) - older_than, taken_before, limit),
        ).fetchall()
    forget(db, items)
    lines = db.execute(
        "SELECT stream, seq FROM lines WHERE time < ? LIMIT ?", (before, limit)
    ).fetchall()
    db.executemany("DELETE FROM lines WHERE stream = ? AND seq = ?", lines)
    # A folder in use keeps its own number of files, however old they are. In SQLite,
    # CROSS says in which order to look: there are few folders and many files.
    written = db.execute(
        "SELECT written.id FROM folders CROSS JOIN written USING (stream, folder) "
        "WHERE folders.used < ? LIMIT ?",
        (before, limit),
    ).fetchall()
    db.executemany("DELETE FROM written WHERE id = ?", written)
    db.execute("DELETE FROM folders WHERE used < ? AND files = 0", (before,))
    return len(items) + len(lines) + len(written)


def _latest_seen(db: sqlite3.Connection, stream: str) -> float:
    query = "SELECT coalesce(max(seen), 0) FROM items WHERE stream = ?"
    (latest,) = db.execute(query, (stream,)).fetchone()
    return float(latest)
