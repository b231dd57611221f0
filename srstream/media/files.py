"""Open a regular file, or read it into memory, without ever waiting for it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from srstream.errors import DecodeError, Unreadable

MAX_FILE_BYTES = 1 << 30
"""More than a sensible picture takes; keeps a stray disk image out of memory."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

# There is no such file, and trying again finds none either. Whatever else goes wrong may
# pass: permissions, a busy file, a share that is away, a disk that fails now and then.
_GONE = (errno.ENOENT, errno.ENOTDIR)
_NEVER = (errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENXIO)


def read_file(file: BufferedReader, *, max_bytes: int) -> bytes:
    """Return the whole content of an opened file.

    Raises:
        DecodeError: it is too large; the message is a phrase without the name.
        OSError: reading fails; `opened` translates it.
    """
    size = os.fstat(file.fileno()).st_size
    if size > max_bytes:
        raise DecodeError(f"has {size} bytes; at most {max_bytes} are taken")
    file.seek(0)
    return file.read(size)


@contextmanager
def opened(path: Path, *, within: str | None = None) -> Iterator[BufferedReader]:
    """Open a regular file that is not empty, for reading.

    Args:
        path: any kind of file.
        within: a folder, without links in its path, that the file must lie in, whatever
            has become of the path since it was looked at; none: anywhere.

    Raises:
        DecodeError: it is gone, empty, or not a regular file in that folder; the message
            is a phrase without the name: `is empty`.
        Unreadable: it cannot be opened or, while it is open, read now.
    """
    try:
        with open(_descriptor(path), "rb") as file:
            status = os.fstat(file.fileno())
            _check_regular(status)
            if within is not None:
                _check_within(file.fileno(), path, within)
            if status.st_size == 0:
                raise DecodeError("is empty")
            yield file
    except OSError as error:
        if error.errno in _GONE:
            raise DecodeError("vanished before it could be read") from error
        reason = (error.strerror or str(error)).lower()
        if error.errno in _NEVER:
            raise DecodeError(f"cannot be read: {reason}") from error
        raise Unreadable(f"cannot be read now: {reason}") from error


def _descriptor(path: Path) -> int:
    # Opening alone can do harm: it wakes the writer of a FIFO and arms some devices.
    _check_regular(path.stat())
    # The name may mean another file by now; then O_NONBLOCK keeps a FIFO from waiting.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        raise DecodeError(f"is {kind}, not a picture")


def _check_within(descriptor: int, path: Path, folder: str) -> None:
    try:
        place = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - as it was opened
    except OSError:
        place = os.path.realpath(path)
    if not place.startswith(folder.rstrip("/") + "/"):
        raise DecodeError("is a link that leads out of the folder")
