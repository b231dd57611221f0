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

from srstream.atomic import left_over_folders, part_of, sync_folder
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
        OSError: it cannot be moved now; it stays. Where only the old name could not be
            deleted, it is in both places, and the next try finds it there.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    if not _is_still(path, expected):
        return None
    for place in _numbered(to):
        try:
            return place if _move_to(path, place, expected) else None
        except FileExistsError:
            if _is_there(path, place):
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
    if os.path.lexists(to):  # by hand it may have been brought back already
        return False
    expected = _signature(path)
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _move_to(path, to, expected)
    except FileExistsError:
        return False


def remove(path: Path, expected: Signature) -> bool:
    """Delete a file or a link, unless it has changed; tell whether it is deleted.

    Raises:
        OSError: it cannot be deleted now; it stays.
    """
    if not _is_still(path, expected):  # so that what is new is hardly ever out of place
        return False
    target = path.readlink() if path.is_symlink() else None
    room = part_of(path)  # where it keeps its name, for `put_back_left_overs`
    room.mkdir(mode=0o700)
    aside = room / path.name
    try:
        path.rename(aside)
        try:
            # From another folder, a link may lead nowhere.
            if _is_still(aside, expected) if target is None else _leads_to(aside, target):
                aside.unlink()
                return True
        except OSError:
            _put_back(aside, path)
            raise
        _put_back(aside, path)
        return False
    finally:
        with suppress(OSError):
            room.rmdir()


def put_back_left_overs(folder: Path) -> tuple[int, list[str]]:
    """Put back what processes that died were about to delete.

    Returns:
        How many files; and which could not be put back, each with the reason.

    Raises:
        OSError: the folder cannot be read.
    """
    number, problems = 0, []
    for room in left_over_folders(folder):
        for aside in room.iterdir():
            try:
                _put_back(aside, folder / aside.name)
                number += 1
            except OSError as exc:
                problems.append(f"{aside}: {exc.strerror}")
        with suppress(OSError):
            room.rmdir()
    return number, problems


def _move_to(path: Path, place: Path, expected: Signature) -> bool:
    """Move a file to where there is nothing; false: it has changed, and stays.

    It stands in the new place before it leaves the old one. Only where it may have no
    second name, as a file of another user, it is renamed.

    Raises:
        FileExistsError: there is something.
        OSError: it cannot be there.
    """
    if not path.is_symlink():
        if _linked(path, place):
            if not _is_still(place, expected):
                place.unlink()
                return False
            _sync(place.parent)
            remove(path, expected)
            return True
        if _renamed(path, place):
            if not _is_still(place, expected):
                _put_back(place, path)
                return False
            _sync(place.parent)
            return True
    if not _copy(path, place, expected):
        return False
    remove(path, expected)
    return True


def _renamed(path: Path, place: Path) -> bool:
    """Rename a file; false: not to another file system.

    Raises:
        FileExistsError: the name is taken.
    """
    if os.path.lexists(place):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
    try:
        path.rename(place)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        return False
    return True


def _sync(folder: Path) -> None:
    with suppress(OSError):  # after a power cut the file is in one place or the other
        sync_folder(folder)


def _linked(path: Path, place: Path) -> bool:
    """Give a file a second name; false: not on this file system, or not for us.

    Raises:
        FileExistsError: the name is taken.
        FileNotFoundError: the file is gone.
    """
    try:
        os.link(path, place)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:
        return False
    return True


def _copy(path: Path, place: Path, expected: Signature) -> bool:
    """Copy to where there is nothing; false: it is not what is expected.

    Raises:
        FileExistsError: there is something.
        OSError: it cannot be copied.
    """
    if os.path.lexists(place):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
    part = part_of(place)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(handle, "rb") as file, part.open("xb") as copy:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return False
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            with suppress(PermissionError):  # some file systems know no rights
                os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
                os.fchmod(copy.fileno(), stat.S_IMODE(status.st_mode) & 0o777)
            os.fsync(copy.fileno())
            if _signature_of(os.fstat(handle)) != expected:
                return False
        _rename_where_nothing_is(part, place)
        sync_folder(place.parent)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def _put_back(aside: Path, path: Path) -> None:
    for place in _numbered(path):
        with suppress(FileExistsError):
            _rename_where_nothing_is(aside, place)
            return


def _rename_where_nothing_is(path: Path, place: Path) -> None:
    """Rename a file of which others do not know. Raises `FileExistsError`."""
    if _linked(path, place):
        path.unlink()
    elif not _renamed(path, place):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(place))


def _is_there(path: Path, place: Path) -> bool:
    """Tell whether a file is in its place already, and not only of the same content."""
    if path.is_symlink():
        return place.exists() and path.samefile(place)
    return path.name == place.name and path.parent.samefile(place.parent)


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}~{number}{path.suffix}")


def _leads_to(path: Path, target: Path) -> bool:
    return path.is_symlink() and path.readlink() == target


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
