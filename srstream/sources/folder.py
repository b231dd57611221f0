"""What a watched folder is asked on its source's thread. All of it blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from srstream.errors import SourceError
from srstream.ledger import Signature
from srstream.sources.files import Look, look_at, scan
from srstream.sources.names import natural_key
from srstream.sources.writers import open_for_writing


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found at the last look before files are offered."""

    complete: dict[str, Look]
    """In natural order."""
    unsettled: dict[str, Look]
    """They changed again, or somebody has them open for writing."""


class Folder:
    """A folder, and which of its files are meant."""

    def __init__(self, path: Path, matches: Callable[[str], bool]) -> None:
        self.path = path
        self._matches = matches

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

    def scan(self) -> dict[str, Look]:
        """Look at all files that are meant.

        Raises:
            OSError: the folder is not there or cannot be read.
        """
        return scan(self.path, self._matches)

    def look_at(self, sources: Iterable[str]) -> dict[str, Look | None]:
        """Look at some files; none for those that are not there."""
        return {source: self._look_at(source) for source in sources}

    def check(self, settled: Iterable[tuple[str, Signature]]) -> Checked:
        """Look a last time at files that are about to be offered."""
        checked = Checked({}, {})
        for source, signature in sorted(settled, key=lambda item: natural_key(item[0])):
            look = self._look_at(source)
            if look is None:
                continue
            is_complete = look.signature == signature and not self._is_written(source, look)
            (checked.complete if is_complete else checked.unsettled)[source] = look
        return checked

    def _look_at(self, source: str) -> Look | None:
        return look_at(self.path / source, within=self.path)

    def _is_written(self, source: str, look: Look) -> bool:
        return look.is_file and open_for_writing(self.path / source) is True
