"""Read a file of our own whole: a regular one that is not too large, without waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_regular(path: Path, *, largest: int, links: bool = True) -> bytes:
    """Return the content of a regular file.

    Args:
        path: any kind of file.
        largest: bytes that are taken at most.
        links: whether the path may be a symbolic link.

    Raises:
        OSError: it cannot be opened or read, is not a regular file, or too large.
        ValueError: the path has a NUL in it.
    """
    # Opening must not wait for the writer of a FIFO.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    handle = os.open(path, flags if links else flags | os.O_NOFOLLOW)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        if status.st_size > largest:
            raise OSError(f"it has {status.st_size} bytes; at most {largest} are taken")
        with open(handle, "rb", closefd=False) as file:
            return file.read(status.st_size)
    finally:
        os.close(handle)
