"""Open a regular file, or read it into memory, without ever waiting for it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise DecodeError(f"has {size} bytes; at most {max_bytes} are taken")
        return file.read(size)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file that is not empty, for reading.

    Raises:
        DecodeError: as `read_file`, also for what goes wrong while it is read.
    """
    try:
        with open(_descriptor(path), "rb") as file:
            status = os.fstat(file.fileno())
            _check_regular(status)
            if status.st_size == 0:
                raise DecodeError("is empty")
            yield file
    except FileNotFoundError as error:
        raise DecodeError("vanished before it could be read") from error
    except PermissionError as error:
        raise DecodeError("may not be read: permission denied") from error
    except OSError as error:
        raise DecodeError(f"cannot be read: {error.strerror or error}") from error


def _descriptor(path: Path) -> int:
    # Opening alone can do harm: it wakes the writer of a FIFO and arms some devices.
    _check_regular(path.stat())
    # The name may mean another file by now; then O_NONBLOCK keeps a FIFO from waiting.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        raise DecodeError(f"is {kind}, not a picture")
