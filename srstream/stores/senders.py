"""What is kept of senders that are not heard any more: of so many of them, no more.

Names of senders come from outside, and for months: each leaves checkpoints and rows in the
ledger behind. The states of those that were saved longest ago are deleted. Their numbers
are not used again by anyone: new senders of the same feed begin above them.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import structlog

from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir

KEPT = 64
"""Senders without a stream whose states are kept; one may take some MB."""


class SenderStates:
    """Of one feed."""

    def __init__(
        self,
        stream: str,
        prefix: str,
        state_dir: StateDir,
        ledger: Ledger,
        *,
        keep: int = KEPT,
    ) -> None:
        """Look at nothing yet.

        Args:
            stream: of the feed.
            prefix: what the names of its senders' streams begin with, and no others.
            state_dir: has their checkpoints.
            ledger: of all streams.
            keep: how many senders are known beside those that have a stream.
        """
        self._stream = stream
        self._prefix = prefix
        self._folder = state_dir.stream(stream).parent
        self._ledger = ledger
        self._keep = keep
        self._turn = asyncio.Lock()
        """Nobody begins while some are forgotten."""

    async def tidy(self, living: Callable[[], Collection[str]]) -> None:
        """Forget senders, those first whose state was saved longest ago.

        Args:
            living: returns the names of streams that run or will; not touched.

        Raises:
            StateDirError: the ledger is broken, or closed.
        """
        async with self._turn:
            await self._tidy(living)

    async def _tidy(self, living: Callable[[], Collection[str]]) -> None:
        saved = await asyncio.to_thread(self._saved)
        known = await self._ledger.names_below(self._prefix)
        silent = (known | saved.keys()).difference(living())
        oldest = sorted(silent, key=lambda name: (saved.get(name, 0.0), name))
        gone = oldest[: max(0, len(oldest) - self._keep)]
        if not gone:
            return
        await asyncio.to_thread(self._remove, [name for name in gone if name in saved])
        await self._ledger.forget(known.intersection(gone), into=self._stream)
        structlog.get_logger().info(
            "states of senders forgotten that were not heard for long",
            stream=self._stream,
            senders=len(gone),
        )

    async def begin(self, name: str) -> None:
        """Let the numbers of a new sender's stream begin above all that are forgotten.

        To be called before anything else is asked about it.
        """
        async with self._turn:
            own = self._ledger.stream(name)
            floor = self._ledger.stream(self._stream).last_seq
            if own.last_seq == 0 < floor:
                await own.seq_at_least(floor)

    def _saved(self) -> dict[str, float]:
        """Return when the state of each was saved last, in seconds since 1970."""
        found = {}
        with suppress(OSError):
            for folder in self._folder.iterdir():
                if folder.name.startswith(self._prefix):
                    with suppress(OSError):
                        found[folder.name] = folder.lstat().st_mtime
        return found

    def _remove(self, names: Collection[str]) -> None:
        for name in names:
            shutil.rmtree(Path(self._folder, name), ignore_errors=True)
