"""Read a regular file into memory, once, without ever waiting for it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from srstream.errors import DecodeError

MAX_FILE_BYTES = 1 << 30
"""More than a sensible picture takes; keeps a stray disk image out of memory."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_file(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the whole content of a regular file.

    Raises:
        DecodeError: it is gone, empty, too large, not a regular file or not readable;
            the message is a phrase without the name: `is empty`.
    """
    try:
        return _read(path, max_bytes)
    except FileNotFoundError as error:
        raise DecodeError("vanished before it could be read") from error
    except PermissionError as error:
        raise DecodeError("may not be read: permission denied") from error
    except OSError as error:
        raise DecodeError(f"cannot be read: {error.strerror or error}") from error


def _read(path: Path, max_bytes: int) -> bytes:
    # Opening alone can do harm: it wakes the writer of a FIFO and arms some devices.
    _check_regular(path.stat())
    # The name may mean another file by now; then O_NONBLOCK keeps a FIFO from waiting.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        status = os.fstat(descriptor)
        _check_regular(status)
        if status.st_size == 0:
            raise DecodeError("is empty")
        if status.st_size > max_bytes:
            raise DecodeError(f"has {status.st_size} bytes; at most {max_bytes} are taken")
        return file.read(status.st_size)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        raise DecodeError(f"is {kind}, not a picture")
