"""Looks at files and reads those that did not change. Blocks: for threads only."""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from srstream.errors import DecodeError, Postponed
from srstream.frames import Picture
from srstream.ledger import Signature
from srstream.media.decode import read_picture

MAX_PIXELS = 50_000_000
"""Larger pictures are refused by default, from their header."""

_NO_FILE = Signature(size=-1, mtime_ns=0)
"""Of all that is not a regular file: it is offered once, whatever becomes of it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found under a name."""

    signature: Signature
    age: float
    """Seconds since it last changed, by the wall clock; without end if no file."""
    fault: str | None = None
    """Why it must not be read at all."""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file; reading says what else it is."""
        return self.signature != _NO_FILE


def look_at(path: Path, *, within: Path | None = None) -> Look | None:
    """Look at a path without opening it; none: there is nothing.

    Args:
        path: Where to look.
        within: Links that lead out of this folder are at fault; none: links may lead
            anywhere.
    """
    try:
        status = path.lstat()
    except OSError:
        return None
    if stat.S_ISLNK(status.st_mode):
        try:
            target = Path(os.path.realpath(path, strict=True))
            status = target.stat()
        except OSError:
            return _at_fault("is a link that leads nowhere")
        if within is not None and not target.is_relative_to(os.path.realpath(within)):
            return _at_fault("is a link that leads out of the folder")
    if not stat.S_ISREG(status.st_mode):
        return Look(_NO_FILE, age=math.inf)
    age = (time.time_ns() - status.st_mtime_ns) / 1e9
    return Look(Signature(status.st_size, status.st_mtime_ns), age)


def scan(folder: Path, matches: Callable[[str], bool]) -> dict[str, Look]:
    """Look at everything in a folder whose name matches; the looks by name.

    Raises:
        OSError: the folder is not there or cannot be read.
    """
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if matches(entry.name)]
    looks = ((name, look_at(folder / name, within=folder)) for name in names)
    return {name: look for name, look in looks if look is not None}


def read_unchanged(path: Path, look: Look, *, max_pixels: int) -> Picture:
    """Read the picture that was looked at.

    Raises:
        Postponed: the file is not the one that was looked at, or changed meanwhile.
        DecodeError: it is gone, or it is not a picture that we take.
    """
    if look.fault is not None:
        raise DecodeError(f"{str(path)!r} {look.fault}")
    _check_unchanged(path, look)
    try:
        picture = read_picture(path, max_pixels=max_pixels)
    except DecodeError:
        _check_unchanged(path, look)  # half of a new picture does not decode either
        raise
    _check_unchanged(path, look)
    return picture


def _check_unchanged(path: Path, look: Look) -> None:
    now = look_at(path)
    # What is gone is no concern here: reading says so, or was done before.
    if now is not None and now.signature != look.signature:
        raise Postponed("changed while it waited")


def _at_fault(fault: str) -> Look:
    return Look(_NO_FILE, age=math.inf, fault=fault)
