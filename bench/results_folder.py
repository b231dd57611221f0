"""What stands in a folder of results, seen from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


@dataclass(frozen=True, slots=True)
class Stands:
    """A file as it was seen."""

    inode: int
    mtime_ns: int
    digest: bytes


def snapshot(*folders: Path) -> dict[Path, Stands]:
    """Return every file under its final name; none while there is no folder."""
    there = (folder for folder in folders if folder.is_dir())
    paths = (path for folder in there for path in folder.iterdir())
    return {path: _stands(path) for path in paths if _is_final(path)}


def written_again(before: Mapping[Path, Stands], after: Mapping[Path, Stands]) -> set[Path]:
    """Return which files are no longer what they were, or no longer there."""
    return {path for path, stood in before.items() if after.get(path) != stood}


def names_in(folder: Path) -> list[str]:
    """Return the final names in a folder; quickly."""
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if _is_final(path)]


def partial(folder: Path) -> list[str]:
    """Return which files under final names are no whole pictures."""
    return sorted(name for name in names_in(folder) if not is_whole(folder / name))


def is_whole(path: Path) -> bool:
    """Tell whether a picture can be decoded to its end."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError):
        return False
    return True


def unfinished(folder: Path) -> list[str]:
    """Return the temporary files in a folder and below it."""
    return sorted(path.name for path in folder.rglob("*.part"))


def _stands(path: Path) -> Stands:
    seen = path.stat()
    digest = hashlib.sha256(path.read_bytes()).digest()
    return Stands(seen.st_ino, seen.st_mtime_ns, digest)


def _is_final(path: Path) -> bool:
    return not path.name.startswith(".")
