"""The ledger's tables. Names of files are bytes, as the file system has them."""

from __future__ import annotations

FORMAT = 1
"""Stands in the file as `user_version`; rises when an older srstream cannot read it."""

SCHEMA = (
    # Every stream that ever noted something.
    """
    CREATE TABLE streams (
        stream TEXT PRIMARY KEY,
        last_seq INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    # One row per file: its latest content.
    """
    CREATE TABLE items (
        stream TEXT NOT NULL,
        source BLOB NOT NULL,
        name BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        digest BLOB,
        read_at_ns INTEGER,
        fate TEXT NOT NULL CHECK (fate IN ('taken', 'done', 'failed')),
        seq INTEGER,
        reason TEXT NOT NULL,
        time REAL NOT NULL,
        moved_to BLOB NOT NULL,
        seen REAL NOT NULL,
        PRIMARY KEY (stream, source)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX items_by_name ON items (stream, name)",
    "CREATE INDEX items_by_time ON items (stream, time)",
    "CREATE INDEX items_failed ON items (stream, time) WHERE fate = 'failed'",
    "CREATE INDEX items_taken ON items (stream, time) WHERE fate = 'taken'",
    "CREATE INDEX items_by_seen ON items (stream, seen)",
    # What is told about an item, in the order in which `items.entry_of` reads it.
    """
    CREATE VIEW entries AS
    SELECT source, name, size, mtime_ns, fate, digest, read_at_ns, seq, reason, time,
        moved_to, stream
    FROM items
    """,
    # Frames that are being written at this moment.
    """
    CREATE TABLE frames (
        stream TEXT NOT NULL,
        source BLOB NOT NULL,
        seq INTEGER NOT NULL,
        outputs INTEGER NOT NULL,
        line TEXT,
        PRIMARY KEY (stream, source)
    ) WITHOUT ROWID
    """,
    # Their files; of a frame that is to be done again, those that stand already.
    """
    CREATE TABLE outputs (
        stream TEXT NOT NULL,
        source BLOB NOT NULL,
        path BLOB NOT NULL,
        seq INTEGER NOT NULL,
        part BLOB NOT NULL,
        size INTEGER NOT NULL,
        digest BLOB NOT NULL,
        stands INTEGER NOT NULL,
        PRIMARY KEY (stream, source, path)
    ) WITHOUT ROWID
    """,
    # Statistics that some follower does not have yet.
    """
    CREATE TABLE lines (
        stream TEXT NOT NULL,
        seq INTEGER NOT NULL,
        text TEXT NOT NULL,
        time REAL NOT NULL,
        PRIMARY KEY (stream, seq)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX lines_by_time ON lines (time)",
    """
    CREATE TABLE followers (
        stream TEXT NOT NULL,
        follower TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (stream, follower)
    ) WITHOUT ROWID
    """,
    # Files in folders that keep only so many; the totals save adding them up.
    """
    CREATE TABLE written (
        id INTEGER PRIMARY KEY,
        stream TEXT NOT NULL,
        folder BLOB NOT NULL,
        path BLOB NOT NULL,
        size INTEGER NOT NULL,
        time REAL NOT NULL,
        UNIQUE (stream, folder, path)
    )
    """,
    "CREATE INDEX written_by_time ON written (stream, folder, time)",
    # In the order of their ids, as all indexes are where columns are equal.
    "CREATE INDEX written_by_folder ON written (stream, folder)",
    """
    CREATE TABLE folders (
        stream TEXT NOT NULL,
        folder BLOB NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        used REAL NOT NULL,
        PRIMARY KEY (stream, folder)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER written_added AFTER INSERT ON written BEGIN
        INSERT OR IGNORE INTO folders VALUES (new.stream, new.folder, 0, 0, new.time);
        UPDATE folders SET files = files + 1, bytes = bytes + new.size
            WHERE stream = new.stream AND folder = new.folder;
    END
    """,
    """
    CREATE TRIGGER written_removed AFTER DELETE ON written BEGIN
        UPDATE folders SET files = files - 1, bytes = bytes - old.size
            WHERE stream = old.stream AND folder = old.folder;
    END
    """,
    # Failed files that an operator wants tried again.
    """
    CREATE TABLE requests (
        stream TEXT NOT NULL,
        source BLOB NOT NULL,
        PRIMARY KEY (stream, source)
    ) WITHOUT ROWID
    """,
)

TABLES = frozenset(
    {"streams", "items", "frames", "outputs", "lines", "followers"}
    | {"written", "folders", "requests"}
)
