"""A file that grows is set aside as `.1`, the one before as `.2`, and so on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from srstream.atomic import sync_folder


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is set aside, and how many are kept."""

    size: int | None
    """Bytes that it may have, unless a single line has more; none: any."""
    age: float | None
    """Seconds since its first line; none: any."""
    kept: int
    """Files set aside that are kept, from 1."""

    def is_due(
        self, *, size: int, adding: int, began: datetime | None, now: datetime
    ) -> bool:
        """Tell whether the file must be set aside before a line is added.

        Args:
            size: Bytes that the file has.
            adding: Bytes of the line.
            began: The time on its first line; none: not known.
            now: The time now.
        """
        if size == 0:
            return False
        if self.size is not None and size + adding > self.size:
            return True
        if self.age is None or began is None:
            return False
        return (now - began).total_seconds() >= self.age


def set_aside(path: Path, kept: int) -> None:
    """Rename the file to `.1`, after those before it one up; the last is replaced. Blocks.

    May be cut short at any point: a gap in the numbers is filled the next time, before
    any file is given up.

    Raises:
        OSError: a file cannot be renamed.
    """
    numbers = range(1, kept + 1)
    last = next((n for n in numbers if not os.path.lexists(_numbered(path, n))), kept)
    for number in range(last - 1, 0, -1):
        _numbered(path, number).replace(_numbered(path, number + 1))
    path.replace(_numbered(path, 1))
    sync_folder(path.parent)


def files_aside(path: Path) -> Iterator[Path]:
    """Find the files set aside, by ourselves or as logrotate names them. Blocks.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.name.startswith((f"{path.name}.", f"{path.name}-")):
                yield Path(entry.path)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
