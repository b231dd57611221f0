"""Files that appear whole under their name, or not at all, also after a crash."""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from itertools import count
from pathlib import Path

_RUN = secrets.token_hex(4)  # tells our own unfinished files from those of a dead process
_NUMBERS = count(1)
_PART = re.compile(r"\.([0-9a-f]{8})-\d+\.part")


def part_of(path: Path) -> Path:
    """Return a temporary name for this file, in the same folder, never used before.

    It has a leading dot and ends in `.part`.
    """
    return path.with_name(f".{_RUN}-{next(_NUMBERS)}.part")


def write_atomically(path: Path, data: bytes, *, part: Path | None = None) -> None:
    """Write a file under a temporary name, sync it, name it, and sync the folder.

    Whoever watches the folder never sees half a file, and nothing is left of it after
    an error.

    Args:
        path: The final name; a file of this name is replaced.
        data: All of its content.
        part: The temporary name, if the caller has written it down: from `part_of`.

    Raises:
        OSError: it cannot be written.
    """
    part = part or part_of(path)
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sweep(folder: Path) -> int:
    """Remove what a process that died has left unfinished; return how many files.

    Unfinished files of this process stay: another stream may be writing one.

    Raises:
        OSError: the folder cannot be read, or a file cannot be removed.
    """
    swept = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_left_over(entry.name) and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)
                swept += 1
    return swept


def left_over_folders(folder: Path) -> list[Path]:
    """Return folders under temporary names that a process that died has left.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if _is_left_over(entry.name) and entry.is_dir(follow_symlinks=False)
        ]


def _is_left_over(name: str) -> bool:
    """Tell whether a process that died, and not any other program, has called it so."""
    match = _PART.fullmatch(name)
    return match is not None and match[1] != _RUN


def make_folder(folder: Path, *, parents: bool = False) -> None:
    """Make a folder whose name lasts; one that is there is left as it is.

    Args:
        folder: Which.
        parents: Make the folders above it as well.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    try:
        folder.mkdir()
    except FileNotFoundError:
        if not parents or folder.parent == folder:
            raise
        make_folder(folder.parent, parents=True)
        make_folder(folder)
    except OSError:  # of several causes the system may name another than EEXIST
        if not folder.is_dir():
            raise
    else:
        sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file last, whoever wrote it. Raises `OSError`."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where the file system can. Raises `OSError`."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags | os.O_CLOEXEC)
    try:
        sync_handle(handle)
    finally:
        os.close(handle)


def sync_handle(handle: int) -> None:
    """Make what was written by way of a descriptor last. Raises `OSError`."""
    try:
        os.fsync(handle)
    except OSError as exc:
        # Some network file systems cannot sync a folder; they keep names by themselves.
        # And a pipe or a terminal has nothing to sync.
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
