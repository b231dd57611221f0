"""Write a result to the disk, and say whose turn it is when that fails."""

from __future__ import annotations

import errno
from pathlib import Path

from srstream.atomic import write_atomically
from srstream.errors import SinkError, SinkUnavailable

_FOR_GOOD = frozenset(
    {
        errno.ENAMETOOLONG,
        errno.EILSEQ,
        errno.EINVAL,
        errno.EISDIR,
        errno.EFBIG,
        errno.ELOOP,
    }
)
"""What time does not mend: the name or the content is at fault. All else may pass."""


def store(path: Path, data: bytes, *, part: Path | None = None) -> None:
    """Write a file whole or not at all, as `write_atomically`.

    Raises:
        SinkUnavailable: not now: no space, not permitted, share gone.
        SinkError: never under this name.
    """
    try:
        write_atomically(path, data, part=part)
    except OSError as exc:
        raise sink_error(path, exc) from exc


def sink_error(path: Path, exc: OSError) -> SinkError:
    """Return the error to raise about a path that cannot be written."""
    kind = SinkError if exc.errno in _FOR_GOOD else SinkUnavailable
    error = kind(f"{path}: cannot be written: {exc.strerror or exc}")
    error.errno = exc.errno
    return error


def folder_error(folder: Path, exc: OSError) -> SinkUnavailable:
    """Return the error to raise about a folder of results that cannot be used.

    Whatever the reason is, no frame is at fault: the operator mends it, and frames wait.
    """
    error = SinkUnavailable(
        f"{folder}: cannot be used: {exc.strerror}; "
        "mend it, or name another folder in `path`"
    )
    error.errno = exc.errno
    return error
