"""What an error of SQLite means: time mends it, the file is broken, or it is a bug."""

from __future__ import annotations

import errno
import sqlite3

_PASSING = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY,
    sqlite3.SQLITE_PROTOCOL: errno.EBUSY,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
}
_MALFORMED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def may_pass(error: sqlite3.Error) -> bool:
    """Tell whether the same may succeed later: disk full, error of the disk, locked."""
    return _code(error) in _PASSING


def is_malformed(error: sqlite3.Error) -> bool:
    """Tell whether the file is no database, or a broken one."""
    return _code(error) in _MALFORMED


def errno_of(error: sqlite3.Error) -> int | None:
    """Return the `errno` that is nearest."""
    return _PASSING.get(_code(error))


def _code(error: sqlite3.Error) -> int:
    # Above the lowest byte stands a finer reason. Errors of the module itself have none.
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF
