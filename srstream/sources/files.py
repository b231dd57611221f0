"""Looks at files and reads those that did not change. Blocks: for threads only."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from srstream.errors import DecodeError, FrameError, Postponed
from srstream.frames import Content, Picture
from srstream.ledger import Signature
from srstream.media.decode import read_picture
from srstream.media.files import opened
from srstream.media.printable import printable

MAX_PIXELS = 50_000_000
"""Larger pictures are refused by default, from their header."""

_NO_FILE = Signature(size=-1, mtime_ns=0)
"""Of all that is not a regular file: it is offered once, whatever becomes of it."""

_LEADS_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_IS_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


@dataclass(frozen=True, slots=True)
class Look:
    """What was found under a name."""

    signature: Signature
    age: float
    """Seconds since it last changed, by the wall clock; without end if no file."""
    fault: str | None = None
    """Why it must not be read at all."""
    within: str | None = None
    """The folder, without links in its path, that reading must not leave."""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file; reading says what else it is."""
        return self.signature != _NO_FILE


def look_at(path: Path, *, within: str | None = None) -> Look | None:
    """Look at a path without opening it; none: there is nothing, or nobody can tell."""
    try:
        return seen_at(str(path), within=within)
    except OSError:
        return None


def seen_at(path: str, *, within: str | None) -> Look | None:
    """Look at a path without opening it; none: there is nothing.

    Args:
        path: Where to look.
        within: A folder, without links in its path; links that lead out of it are at
            fault. None: links may lead anywhere.

    Raises:
        OSError: it cannot be told what is there.
    """
    try:
        status = os.lstat(path)
    except OSError as exc:
        if exc.errno in _IS_NOT_THERE:
            return None
        raise
    if stat.S_ISLNK(status.st_mode):
        try:
            target = os.path.realpath(path, strict=True)
            status = os.stat(target)  # noqa: PTH116 - done 100,000 times: half as fast
        except OSError as exc:
            if exc.errno in _LEADS_NOWHERE:
                return _at_fault("is a link that leads nowhere")
            return _at_fault(f"is a link that cannot be followed: {exc.strerror}")
        if within is not None and not _is_below(target, within):
            return _at_fault("is a link that leads out of the folder")
    if not stat.S_ISREG(status.st_mode):
        return Look(_NO_FILE, age=math.inf, within=within)
    age = (time.time_ns() - status.st_mtime_ns) / 1e9
    return Look(Signature(status.st_size, status.st_mtime_ns), age, within=within)


def read_unchanged(path: Path, look: Look, *, max_pixels: int) -> Picture:
    """Read the picture that was looked at.

    Raises:
        Postponed: the file is not the one that was looked at, or changed meanwhile.
        Unreadable: it cannot be read now.
        DecodeError: it is gone, or it is not a picture that we take.
    """
    if look.fault is not None:
        raise DecodeError(f"{printable(str(path))} {look.fault}")
    _check_unchanged(path, look)
    try:
        picture = read_picture(path, max_pixels=max_pixels, within=look.within)
    except DecodeError:
        _check_unchanged(path, look)  # half of a new picture does not decode either
        raise
    _check_unchanged(path, look)
    return picture


def digest_unchanged(path: Path, look: Look) -> Content | None:
    """Return what a file holds; none: it changed meanwhile, or cannot be read."""
    if look.fault is not None:
        return None
    try:
        _check_unchanged(path, look)
        read_at = time.time_ns()
        with opened(path, within=look.within) as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        _check_unchanged(path, look)
    except FrameError:
        return None
    return Content(digest, read_at)


def _check_unchanged(path: Path, look: Look) -> None:
    now = look_at(path)
    # What is gone is no concern here: reading says so, or was done before.
    if now is not None and now.signature != look.signature:
        raise Postponed("changed while it waited")


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _at_fault(fault: str) -> Look:
    return Look(_NO_FILE, age=math.inf, fault=fault)
