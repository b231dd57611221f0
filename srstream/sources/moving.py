"""Move and remove files that others may overwrite at any moment, and never lose one.

Blocks: for threads only. What is taken out of a folder is looked at once more when nobody
can replace it any longer; what turns out to be new goes back to its place.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from srstream.atomic import part_of, sync_folder
from srstream.ledger import Signature
from srstream.sources.writers import open_for_writing


def move(path: Path, to: Path, expected: Signature) -> Path | None:
    """Move a file; of a link, the file it leads to is copied and the link removed.

    Args:
        path: What to move.
        to: Where to; folders are made. Where there is a file with other content, a number
            is added to the name; one with the same content is taken for this one.
        expected: What the file was like. If it is anything else it stays.

    Returns:
        Where the file is now; none: it stays, as it has changed or is there already.

    Raises:
        OSError: it cannot be moved now; it stays.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    if not _is_still(path, expected):
        return None
    for place in _numbered(to):
        if _reserve(place):
            return place if _move_over(path, place, expected) else None
        if place.exists() and path.samefile(place):
            return None
        if _holds_the_same(path, place):
            remove(path, expected)
            return place
    raise AssertionError("numbers do not end")


def bring_back(path: Path, to: Path) -> bool:
    """Move a file to where there is none; tell whether it was.

    Raises:
        OSError: it cannot be moved now; it stays.
    """
    if os.path.lexists(to):
        return False
    expected = _signature(path)
    to.parent.mkdir(parents=True, exist_ok=True)
    return _reserve(to) and _move_over(path, to, expected)


def remove(path: Path, expected: Signature) -> bool:
    """Delete a file or a link, unless it has changed; tell whether it is deleted.

    Raises:
        OSError: it cannot be deleted now; it stays.
    """
    if not _is_still(path, expected):  # so that what is new is hardly ever out of place
        return False
    aside = part_of(path)
    path.rename(aside)
    if not _is_still(aside, expected):
        _put_back(aside, path)
        return False
    try:
        aside.unlink()
    except OSError:
        _put_back(aside, path)
        raise
    return True


def _move_over(path: Path, place: Path, expected: Signature) -> bool:
    """Move to a place that is reserved, and given up again if this does not succeed."""
    try:
        is_there = not path.is_symlink() and _rename(path, place)
    except OSError:
        with suppress(OSError):
            place.unlink()
        raise
    if not is_there:
        place.unlink()  # a process that is killed while it copies leaves no empty file
        if not _copy(path, place, expected):
            return False
        remove(path, expected)
        return True
    if not _is_still(place, expected):
        _put_back(place, path)
        return False
    for folder in (place.parent, path.parent):
        with suppress(OSError):  # after a power cut it is in one place or the other
            sync_folder(folder)
    return True


def _rename(path: Path, place: Path) -> bool:
    try:
        path.rename(place)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy(path: Path, place: Path, expected: Signature) -> bool:
    """Copy to where there is nothing; false: it is not what is expected."""
    part = part_of(place)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(handle, "rb") as file, part.open("xb") as copy:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return False
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fchmod(copy.fileno(), stat.S_IMODE(status.st_mode) & 0o777)
            os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(copy.fileno())
            if _signature_of(os.fstat(handle)) != expected:
                return False
        if not _reserve(place):  # by now
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
        part.replace(place)
        sync_folder(place.parent)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def _put_back(aside: Path, path: Path) -> None:
    for place in _numbered(path):
        if _reserve(place):
            aside.rename(place)
            return


def _reserve(place: Path) -> bool:
    """Make an empty file that a rename may replace; false: something is there."""
    try:
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}~{number}{path.suffix}")


def _is_still(path: Path, expected: Signature) -> bool:
    return _signature(path) == expected and open_for_writing(path) is not True


def _holds_the_same(path: Path, place: Path) -> bool:
    if not stat.S_ISREG(place.lstat().st_mode):
        return False
    return path.stat().st_size == place.stat().st_size and _digest(path) == _digest(place)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _signature(path: Path) -> Signature:
    return _signature_of(path.stat())


def _signature_of(status: os.stat_result) -> Signature:
    return Signature(status.st_size, status.st_mtime_ns)
