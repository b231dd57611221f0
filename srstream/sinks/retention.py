"""Keep only so much of a folder of results: by time, by size or by count."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from structlog.typing import FilteringBoundLogger

from srstream.ledger import Ledger
from srstream.quantities import Keep
from srstream.sinks.below import is_below

_SECONDS = 10.0
_FILES = 100
"""Looked for what is too much after so long, or so many files, whichever is first."""
_SLOWEST = 3600.0
"""Seconds between two looks for what is too old, at most."""
_BATCH = 1000  # files looked at in one go: a frame waits for it


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of the oldest files."""

    gone: tuple[str, ...]
    """No longer there, or no longer what was written."""
    left: OSError | None
    """Why the others could not be deleted; none: there are no others."""


OnThread: TypeAlias = Callable[[Callable[[], Deleted]], Awaitable[Deleted]]


class Retention:
    """Deletes the oldest files that the ledger knows as written here, and no other."""

    def __init__(
        self,
        folder: Path,
        keep: Keep,
        *,
        pattern: str,
        ledger: Ledger,
        clock: Callable[[], float],
        on_thread: OnThread,
        log: FilteringBoundLogger,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Put the parts together.

        Args:
            folder: The folder of results.
            keep: How much of it.
            pattern: Of these files: another sink may keep others there.
            ledger: Knows what was written there, and when.
            clock: Monotonic seconds.
            on_thread: Where files are deleted.
            log: The sink's.
            sleep: Waits for as many seconds.
        """
        self._folder = folder.absolute()
        self._key = str(self._folder / pattern)
        self._keep = keep
        self._ledger = ledger
        self._clock = clock
        self._on_thread = on_thread
        self._log = log
        self._sleep = sleep
        self._due = clock()
        self._files = 0
        self._latest = ""
        self._has_complained = False

    def note(self, path: Path, size: int) -> None:
        """Write a file down, before it is written: so that none is ever forgotten."""
        self._latest = str(path.absolute())
        self._ledger.wrote(self._key, self._latest, size)

    def written(self) -> None:
        """The file noted last stands: it may go like any other."""
        self._latest = ""

    async def keep_tidy(self) -> None:
        """Delete what grows too old while no frame comes; runs until it is cancelled."""
        if self._keep.seconds is None:
            return
        while True:
            await self._sleep(min(max(self._keep.seconds / 10, 1.0), _SLOWEST))
            self._due = self._clock()
            await self.tidy()

    async def tidy(self) -> None:
        """Delete what is too much, if it is time to; never raises.

        The file noted last stays until it is `written`.
        """
        self._files += 1
        now = self._clock()
        if now < self._due and self._files < _FILES:
            return
        self._files = 0
        excess = await self._ledger.excess(self._key, self._keep, _BATCH)
        self._due = now if len(excess) == _BATCH else now + _SECONDS
        oldest = [(path, size) for path, size in excess if path != self._latest]
        if not oldest:
            return
        deleted = await self._on_thread(partial(delete, self._folder, oldest))
        await self._ledger.dropped(self._key, deleted.gone)
        self._log.debug("old outputs deleted", files=len(deleted.gone))
        if deleted.left is not None and not self._has_complained:
            self._has_complained = True
            self._log.warning(
                "old outputs cannot be deleted",
                file=deleted.left.filename,
                reason=deleted.left.strerror,
            )


def delete(folder: Path, files: Sequence[tuple[str, int]]) -> Deleted:
    """Delete files below a folder that are still what was written there. Blocks.

    Args:
        folder: Nothing outside of it is touched.
        files: Path and size of each.
    """
    gone, left = [], None
    for path, size in files:
        try:
            found = os.lstat(path)
            is_ours = stat.S_ISREG(found.st_mode) and found.st_size == size
            if is_ours and is_below(folder, Path(path).parent):
                os.unlink(path)  # noqa: PTH108 - names as the ledger has them
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as exc:
            left = left or exc
            continue
        gone.append(path)
    return Deleted(tuple(gone), left)
