"""Which folders belong to a watched one: the way that scans and watches share."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder, as it was found."""

    path: str
    below: str
    """The path below the watched folder, with `/`; empty for that one itself."""
    files: list[str] = field(default_factory=list)
    """The names of all that is in it, without excluded sub-folders; in recursive mode,
    without any sub-folders."""
    error: OSError | None = None
    """Why it could not be listed."""


class Tree:
    """A folder with, in recursive mode, those below it.

    Not entered are hidden ones (with a leading dot), excluded ones, and links to folders.
    """

    def __init__(
        self, path: Path, *, recursive: bool = False, excluded: Collection[Path] = ()
    ) -> None:
        self.path = path
        self.recursive = recursive
        self._excluded = tuple(excluded)

    def walk(
        self, below: str = "", *, before: Callable[[str, str], object] | None = None
    ) -> Iterator[Listing]:
        """List the folder and what belongs to it, one after the other.

        What vanishes on the way is left out; what cannot be read is told with its error.

        Args:
            below: Where to begin, below the folder; told as any other then.
            before: Called with path and path below of each folder before it is listed.

        Raises:
            OSError: the folder itself is not there or cannot be read.
        """
        excluded = self._excluded_below()
        waiting = [below]
        while waiting:
            here = waiting.pop()
            path = os.path.join(self.path, here) if here else os.fspath(self.path)  # noqa: PTH118
            if before is not None:
                before(path, here)
            try:
                files, folders = self._list(path)
            except (FileNotFoundError, NotADirectoryError):
                if not here:
                    raise
                continue
            except OSError as exc:
                if not here:
                    raise
                yield Listing(path, here, error=exc)
                continue
            if not self.recursive:  # there the names of sub-folders count as those of files
                files = [name for name in files if name not in excluded]
            yield Listing(path, here, files)
            inner = (f"{here}/{name}" if here else name for name in folders)
            waiting.extend(folder for folder in inner if folder not in excluded)

    def belongs(self, below: str) -> bool:
        """Tell whether a sub-folder is one of those that are entered, by its path."""
        parts = below.split("/")
        if not self.recursive or any(part.startswith(".") for part in parts):
            return False
        way = {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
        return way.isdisjoint(self._excluded_below())

    def _list(self, path: str) -> tuple[list[str], list[str]]:
        files: list[str] = []
        folders: list[str] = []
        with os.scandir(path) as entries:
            for entry in entries:
                if not self.recursive or not entry.is_dir(follow_symlinks=False):
                    files.append(entry.name)
                elif not entry.name.startswith("."):
                    folders.append(entry.name)
        return files, folders

    def _excluded_below(self) -> set[str]:
        root = os.path.realpath(self.path)
        below = (os.path.relpath(os.path.realpath(path), root) for path in self._excluded)
        return {path for path in below if path != "." and not path.startswith("../")}
