"""What happens to the file of a source when it was dealt with: it stays, moves or goes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from srstream.atomic import sweep
from srstream.ledger import Fate, Signature
from srstream.sources.backoff import BackOff
from srstream.sources.moving import move, remove

_MOVE = "move:"


class _Deleted(Enum):
    DELETED = "deleted"


DELETED = _Deleted.DELETED

Where = Path | _Deleted | None
"""A folder to move to, or to delete; none: to keep."""


def where_after(after: str, base: Path) -> Where:
    """Return what `keep`, `delete` or `move:DIR` says.

    Raises:
        ValueError: it is none of these.
    """
    if after == "keep":
        return None
    if after == "delete":
        return DELETED
    if after.startswith(_MOVE) and after.removeprefix(_MOVE).strip():
        return base / after.removeprefix(_MOVE)
    raise ValueError(
        f'after is {after!r}; allowed: "keep", "delete", or "move:" and a folder'
    )


@dataclass(frozen=True, slots=True)
class Departure:
    """A file that is to leave its folder."""

    source: str
    signature: Signature
    where: Path | _Deleted

    def leave(self, folder: Path) -> Path | None:
        """Move or delete it, unless it has changed or is gone. Blocks.

        Returns:
            Where it is now; none: nothing is to be noted.

        Raises:
            OSError: not now; the file is where it was.
        """
        path = folder / self.source
        try:
            if self.where is not DELETED:
                return move(path, self.where / self.source, self.signature)
            remove(path, self.signature)
        except FileNotFoundError:
            if os.path.lexists(path):
                raise
        return None


class Leaving:
    """Files that are to leave the folder, each until it has left or has changed."""

    def __init__(self, *, done: Where, failed: Where) -> None:
        """Prepare.

        Args:
            done: What happens to files that are done.
            failed: What happens to those that failed.
        """
        self._where = {Fate.DONE: done, Fate.FAILED: failed}
        self._new: dict[str, Departure] = {}
        self._put_off: dict[str, Departure] = {}
        self._back_off = BackOff()

    def sweep(self) -> None:
        """Delete copies that a process which died has left unfinished. Blocks."""
        for where in self._where.values():
            if isinstance(where, Path):
                with suppress(OSError):  # moving says what is wrong with the folder
                    sweep(where)

    def add(self, source: str, signature: Signature, fate: Fate, *, was_read: bool) -> None:
        """Let a file leave, if files of its fate do.

        Args:
            source: Which.
            signature: What its content was like.
            fate: What became of it.
            was_read: Whether it was read, or taken for done because of its outputs alone:
                then it is not deleted.
        """
        where = self._where.get(fate)
        if where is None or (where is DELETED and not was_read):
            return
        if not self._back_off.waits(source, signature):
            self._new[source] = Departure(source, signature, where)

    def cancel(self, source: str) -> None:
        """Let a file stay."""
        self._new.pop(source, None)
        self.settled(source)

    def next_due(self, now: float) -> float | None:
        """Return when the next attempt is due; none: nothing is to leave."""
        return now if self._new else self._back_off.next_due()

    def take_due(self, now: float, *, limit: int) -> list[Departure]:
        """Release what is to be tried now, new ones first."""
        due = list(self._new.values())[:limit]
        for departure in due:
            del self._new[departure.source]
        again = [self._put_off[source] for source, _ in self._back_off.take_due(now)]
        return due + again

    def return_untried(self, departures: Iterable[Departure]) -> None:
        """Take back what was released and not tried."""
        for departure in departures:
            self._new.setdefault(departure.source, departure)

    def place_of_failed(self, source: str) -> Path | None:
        """Return where a file that failed is moved by default; none: it stays."""
        where = self._where[Fate.FAILED]
        return where / source if isinstance(where, Path) else None

    def settled(self, source: str) -> None:
        """Note that a file has left, or changed."""
        self._put_off.pop(source, None)
        self._back_off.settled(source)

    def failed(self, departure: Departure, now: float) -> bool:
        """Try again after a while; true at the first time."""
        is_first = departure.source not in self._back_off
        self._put_off[departure.source] = departure
        self._back_off.put_off(departure.source, departure.signature, now)
        return is_first
