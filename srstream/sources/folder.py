"""What a watched folder is asked on its source's thread. All of it blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srstream.errors import SourceError
from srstream.frames import Content
from srstream.ledger import Signature
from srstream.sources.files import Look, digest_unchanged, look_at, seen_at
from srstream.sources.moving import put_back_left_overs
from srstream.sources.names import natural_key
from srstream.sources.tree import Tree
from srstream.sources.writers import open_for_writing


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found at the last look before files are offered."""

    complete: dict[str, Look]
    """In natural order."""
    unsettled: dict[str, Look]
    """They changed again, or somebody has them open for writing."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in a folder, and what nobody can tell."""

    looks: dict[str, Look]
    unreadable: dict[str, str]
    """What had to be left out, with why: sub-folders that could not be listed and files
    that could not be looked at. What was there before may be there still."""

    def __contains__(self, source: object) -> bool:
        """Tell whether a file may be there: it was found, or could not be seen."""
        if source in self.looks:
            return True
        return bool(self.unreadable) and self._is_hidden(str(source))

    def _is_hidden(self, path: str) -> bool:
        while path not in self.unreadable:
            path, slash, _ = path.rpartition("/")
            if not slash:
                return False
        return True


class Folder:
    """A folder, and which of its files are meant: by default those right in it.

    A file is called by its path below the folder, with `/` between the parts. In
    recursive mode sub-folders are entered, but not hidden ones (with a leading dot), not
    the excluded ones, and not through links; the names of sub-folders need not match.
    """

    def __init__(
        self,
        path: Path,
        matches: Callable[[str], bool],
        *,
        recursive: bool = False,
        links_out: bool = False,
        excluded: Collection[Path] = (),
    ) -> None:
        """Prepare; nothing is looked at yet.

        Args:
            path: The folder.
            matches: Whether a file is meant, by its own name, without the sub-folders.
            recursive: Whether sub-folders are meant as well.
            links_out: Whether links may lead out of the folder; else they are at fault.
            excluded: Sub-folders that are not entered, such as those of outputs.
        """
        self.path = path
        self._matches = matches
        self._tree = Tree(path, recursive=recursive, excluded=excluded)
        self._links_out = links_out

    def make(self) -> bool:
        """Make the folder if it is missing; tell whether it was.

        Raises:
            SourceError: it cannot be made, or something else is in its place.
        """
        try:
            self.path.mkdir(parents=True)
        except FileExistsError as exc:
            if self.path.is_dir():
                return False
            raise SourceError(
                f"{self.path}: not a folder; name a folder in `path`"
            ) from exc
        except OSError as exc:
            raise SourceError(
                f"{self.path}: cannot be made: {exc.strerror}; "
                "make it, or name another folder in `path`"
            ) from exc
        return True

    def scan(self) -> Scan:
        """Look at all files that are meant.

        Raises:
            OSError: the folder is not there or cannot be read.
        """
        within = self._within()
        looks: dict[str, Look] = {}
        unreadable: dict[str, str] = {}
        for found in self._tree.walk():
            if found.error is not None:
                unreadable[found.below] = found.error.strerror or str(found.error)
            for name in filter(self._matches, found.files):
                source = f"{found.below}/{name}" if found.below else name
                try:
                    seen = seen_at(os.path.join(found.path, name), within=within)  # noqa: PTH118
                except OSError as exc:
                    unreadable[source] = exc.strerror or str(exc)
                else:
                    if seen is not None:
                        looks[source] = seen
        return Scan(looks, unreadable)

    def put_back_left_overs(self) -> tuple[int, list[str]]:
        """Put back what a run that died was about to delete: how many, and what stays."""
        number, problems = 0, []
        with suppress(OSError):  # the scan says what is wrong with the folder
            for found in self._tree.walk():
                with suppress(OSError):
                    some, others = put_back_left_overs(Path(found.path))
                    number += some
                    problems += others
        return number, problems

    def count_folders(self) -> int:
        """Return how many folders there are to watch, this one included; 0: it is gone."""
        try:
            return sum(1 for _ in self._tree.walk())
        except OSError:
            return 0

    def look_at(self, sources: Iterable[str]) -> dict[str, Look | None]:
        """Look at some files; none for those that are not there."""
        within = self._within()
        return {s: look_at(self.path / s, within=within) for s in sources}

    def check(self, settled: Iterable[tuple[str, Signature]]) -> Checked:
        """Look a last time at files that are about to be offered."""
        within = self._within()
        checked = Checked({}, {})
        for source, signature in sorted(settled, key=lambda item: natural_key(item[0])):
            look = look_at(self.path / source, within=within)
            if look is None:
                continue
            is_complete = look.signature == signature and not self._is_written(source, look)
            (checked.complete if is_complete else checked.unsettled)[source] = look
        return checked

    def digest(self, source: str, look: Look) -> Content | None:
        """Read a file that was looked at; none: it changed meanwhile, or cannot be read."""
        return digest_unchanged(self.path / source, look)

    def _within(self) -> str | None:
        return None if self._links_out else os.path.realpath(self.path)

    def _is_written(self, source: str, look: Look) -> bool:
        return look.is_file and open_for_writing(self.path / source) is True
