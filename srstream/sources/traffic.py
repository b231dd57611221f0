"""Lets files leave a folder, and brings back those that are to be tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from srstream.ledger import Entry
from srstream.ownthread import OwnThread
from srstream.ports import StreamContext
from srstream.sources.after import Departure, Leaving
from srstream.sources.moving import bring_back

_AT_ONCE = 50  # files moved or deleted before new ones get their turn,
_SECONDS = 0.2  # and in which time; to another disk one may take longer


@dataclass(frozen=True, slots=True)
class _Left:
    departure: Departure
    to: Path | None = None
    error: OSError | None = None


class Traffic:
    """What leaves and what comes back, told to the ledger; errors are retried for ever."""

    def __init__(
        self,
        folder: Path,
        leaving: Leaving,
        context: StreamContext,
        *,
        log: FilteringBoundLogger,
        thread: OwnThread,
    ) -> None:
        """Put the parts together."""
        self.under_way = asyncio.Lock()
        """Held while something was moved of which the ledger does not know yet."""
        self._folder = folder
        self._leaving = leaving
        self._clock = context.clock
        self._ledger = context.ledger
        self._log = log
        self._thread = thread

    async def out(self) -> list[str]:
        """Move or delete what is due; return the files that need no more attention."""
        async with self.under_way:
            due = self._leaving.take_due(self._clock(), limit=_AT_ONCE)
            if not due:
                return []
            until = self._clock() + _SECONDS
            work = partial(_let_leave, due, self._folder, self._clock, until)
            several = await self._thread.run(work)
            self._leaving.return_untried(due[len(several) :])
            moved = [(left.departure.source, left.to) for left in several if left.to]
            await asyncio.gather(
                *(self._ledger.moved(source, str(to)) for source, to in moved)
            )
            for left in several:
                self._note(left)
        return [left.departure.source for left in several if left.error is None]

    def _note(self, left: _Left) -> None:
        if left.error is None:
            self._leaving.settled(left.departure.source)
        elif self._leaving.failed(left.departure, self._clock()):
            self._log.warning(
                "source is done with and cannot be moved or deleted now; "
                "it is tried again for ever",
                source=left.departure.source,
                reason=str(left.error),
            )

    async def back(self, entry: Entry) -> None:
        """Bring a file back to where it was, unless there is one by now."""
        self._leaving.cancel(entry.source)
        # A process that was killed may have moved it, and not said so.
        likely = self._leaving.place_of_failed(entry.source)
        moved = Path(entry.moved_to) if entry.moved_to else likely
        if moved is None:
            return
        place = self._folder / entry.source
        try:
            is_back = await self._thread.run(partial(bring_back, moved, place))
        except OSError as error:
            if not entry.moved_to and isinstance(error, FileNotFoundError):
                return  # it was not
            self._log.warning(
                "source cannot be moved back; move it by hand",
                source=entry.source,
                moved_to=str(moved),
                reason=str(error),
            )
            return
        if is_back:
            self._log.info("source moved back", source=entry.source)


def _let_leave(
    departures: list[Departure], folder: Path, clock: Callable[[], float], until: float
) -> list[_Left]:
    """Try the first of these, until the time is up. Runs on the source's thread."""
    several: list[_Left] = []
    for departure in departures:
        if several and clock() >= until:
            break
        try:
            several.append(_Left(departure, departure.leave(folder)))
        except OSError as error:
            several.append(_Left(departure, error=error))
    return several
