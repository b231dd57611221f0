"""Open the ledger's file; set one that is broken aside and begin a new one. Blocks."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import structlog

from srstream.atomic import sync_folder
from srstream.errors import StateDirError
from srstream.stores.schema import FORMAT, SCHEMA, TABLES
from srstream.stores.sqlite_errors import errno_of, is_malformed
from srstream.stores.state_dir import ELSEWHERE, state_dir_error

BUSY_SECONDS = 5.0
"""How long to wait for a command that writes into the ledger at this moment."""

_COMPANIONS = ("-wal", "-shm")


class Malformed(Exception):
    """It is no ledger, or a broken one."""


def open_database(path: Path, *, now: float) -> tuple[sqlite3.Connection, bool]:
    """Return a connection for any one thread, and whether the file was made just now.

    Args:
        path: The file; one that is broken is renamed to `<name>.rejected-<time>`.
        now: Seconds since 1970.

    Raises:
        StateDirError: it cannot be made or written, or is of a newer format.
    """
    try:
        reason = _mark(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        reason = ""
    if reason:
        _set_aside(path, reason, now)
    try:
        return _open(path)
    except Malformed as error:
        _set_aside(path, str(error), now)
    try:
        return _open(path)
    except Malformed as error:
        raise StateDirError(f"{path}: the ledger cannot be made: {error}") from error


def mark_malformed(path: Path, reason: str) -> None:
    """Have the next `open_database` set this file aside. Raises `OSError`."""
    _mark(path).write_text(reason or "malformed", encoding="utf-8")
    sync_folder(path.parent)


def check_format(path: Path, connection: sqlite3.Connection) -> int:
    """Return the format of a file: 0 for an empty one.

    Raises:
        StateDirError: it is newer than this program.
        Malformed: it is no ledger.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise StateDirError(
            f"{path}: the ledger has format {found}, this srstream knows up to {FORMAT}; "
            f"use the newer srstream that wrote it, or name another folder {ELSEWHERE}"
        )
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = {name for (name,) in connection.execute(query)}
    if tables >= TABLES if found == FORMAT else not tables and found == 0:
        return int(found)
    raise Malformed("it holds something else than a ledger")


def _open(path: Path) -> tuple[sqlite3.Connection, bool]:
    try:
        # SQLite does not tell why it cannot open a file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as exc:
        message = f"{path}: the ledger cannot be opened: {exc.strerror}"
        raise state_dir_error(message, exc.errno) from exc
    # Whoever opens it hands it to another thread, and keeps off it from then on.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        made = _prepare(path, connection)
    except sqlite3.Error as exc:
        connection.close()
        if is_malformed(exc):
            raise Malformed(str(exc)) from exc
        message = f"{path}: the ledger cannot be opened: {exc}"
        raise state_dir_error(message, errno_of(exc)) from exc
    except BaseException:
        connection.close()
        raise
    return connection, made


def _prepare(path: Path, connection: sqlite3.Connection) -> bool:
    """Make the tables if there are none, and tell whether there were none."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StateDirError(
            f"{path}: this file system is none for a ledger; "
            f"name a folder on a local disk {ELSEWHERE}"
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if check_format(path, connection):
        return False
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
    with suppress(OSError):
        sync_folder(path.parent)
    return True


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.malformed")


def _set_aside(path: Path, reason: str, now: float) -> None:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    wanted = path.with_name(f"{path.name}.rejected-{stamp}")
    aside = _free(wanted)
    try:
        # The companions first: SQLite would take them for those of the new file.
        for companion in (*_COMPANIONS, ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + companion).rename(f"{aside}{companion}")
        _mark(path).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as exc:
        message = f"{path}: a broken ledger cannot be set aside: {exc.strerror}"
        raise state_dir_error(message, exc.errno) from exc
    structlog.get_logger().error(
        "ledger rejected: beginning a new one",
        file=str(path),
        renamed_to=str(aside),
        reason=reason,
    )


def _free(path: Path) -> Path:
    """Return the path, or the first one with a number after it that is not there."""
    numbered = (path.with_name(f"{path.name}-{n}") for n in count(2))
    return path if not path.exists() else next(p for p in numbered if not p.exists())
