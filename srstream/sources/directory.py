"""A watched folder: every picture in it is a frame, and every new one that arrives.

Events of the file system say what to look at, and so does a rescan now and then, for
what events miss: network shares, links, an overflown queue. What was dealt with in an
earlier run the ledger knows. All that touches the disk happens on a thread of the
source's own; everything else on the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import structlog
from structlog.typing import FilteringBoundLogger

from srstream.errors import SourceError
from srstream.ledger import Fate
from srstream.ownthread import OwnThread
from srstream.ports import Packet, StreamContext, Verdict
from srstream.sources.after import Leaving, where_after
from srstream.sources.directory_options import DirectoryOptions
from srstream.sources.folder import Folder, Scan
from srstream.sources.hand import InHand
from srstream.sources.hearing import (
    Hearing,
    seconds_between_polls,
    seconds_between_rescans,
)
from srstream.sources.intake import Intake
from srstream.sources.matching import matcher
from srstream.sources.names import Names
from srstream.sources.packets import Packets
from srstream.sources.places import Places
from srstream.sources.recall import Recall, portions
from srstream.sources.traffic import Traffic
from srstream.sources.watch import FolderWatch

__all__ = ["DirectoryOptions", "DirectorySource"]

_PACE = 0.02  # seconds in which events gather before they are looked at together
_PRESENT_EVERY = 3600.0  # seconds between notes of what is there, for a ledger's pruning


class DirectorySource:
    """Offers the files of a folder, each content once, also over restarts."""

    def __init__(
        self,
        options: DirectoryOptions,
        context: StreamContext,
        *,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        """Prepare; nothing is watched before `open`.

        Args:
            options: Which folder, and how.
            context: What was done before, the ledger says; if it is new, `done_before`.
            wall: The clock by which files are dated, in ns since 1970.
        """
        self._options = options
        self._clock = context.clock
        self._wall = wall
        self._ledger = context.ledger
        self._done_before = context.done_before
        path = context.base / options.path
        self._log: FilteringBoundLogger = structlog.get_logger().bind(
            stream=context.stream, folder=str(path)
        )
        done = where_after(options.after, context.base)
        failed = context.base / options.failed if options.failed else None
        self._excluded = tuple(to for to in (done, failed) if isinstance(to, Path))
        self._matches = matcher(options.pattern)
        self._folder = Folder(
            path,
            self._matches,
            recursive=options.recursive,
            links_out=options.links == "anywhere",
            excluded=self._excluded,
        )
        self._some_ready = asyncio.Event()
        self._thread = OwnThread(f"srstream-folder-{context.stream}")
        self._names = Names()
        self._recall = Recall(context.ledger, self._names)
        self._places = Places(options.settle)
        self._leaving = Leaving(done=done, failed=failed)
        self._intake = Intake(
            self._folder,
            self._places,
            self._names,
            self._recall,
            self._leaving,
            context,
            wall=wall,
            thread=self._thread,
            log=self._log,
            offered=self._some_ready.set,
        )
        self._traffic = Traffic(
            path, self._leaving, context, thread=self._thread, log=self._log
        )
        self.kept = 0
        """How many files were left out at the start because they were done before."""

        self._closed_at: dict[str, float] = {}
        self._to_look_at: set[str] = set()
        self._stirred = asyncio.Event()
        self._rescan_at = 0.0
        self._present_at = 0.0
        self._missing = False
        self._unreadable: set[str] = set()

    @property
    def arrived(self) -> int:
        """How many files became ready, those already there at the start not counted."""
        return self._places.arrived

    @property
    def backlog(self) -> int:
        """How many files are ready and not yet handed out."""
        return self._places.backlog

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        """Start watching, once. The iterator never ends by itself.

        Raises:
            SourceError: the folder cannot be made or read.
        """
        self._hearing = self._prepare_hearing(asyncio.get_running_loop())
        try:
            if await self._thread.run(self._folder.make):
                self._log.info("watched folder made")
            await self._thread.run(self._leaving.sweep)
            await self._put_back_left_overs()
            await self._thread.run(self._hearing.ensure)
            await self._first_scan()
            keeper = asyncio.create_task(self._keep_looking())
            try:
                yield Packets(self._next, keeper, self._some_ready)
            finally:
                try:
                    async with self._traffic.under_way:
                        keeper.cancel()
                finally:
                    keeper.cancel()
                    await asyncio.wait([keeper])
        finally:
            try:
                await self._thread.run(self._hearing.close)
            finally:
                self._thread.close()

    async def _put_back_left_overs(self) -> None:
        number, problems = await self._thread.run(self._folder.put_back_left_overs)
        if number:
            self._log.warning("sources put back that a run which died took", files=number)
        for problem in problems:
            self._log.warning("source cannot be put back by itself", reason=problem)

    def _next(self) -> Packet | None:
        taken = self._places.hand_out()
        if taken is None:
            return None
        source, ready = taken
        self._ledger.took(source, ready.name, ready.look.signature)
        hand = InHand(
            self._folder.path,
            source,
            ready.look,
            max_pixels=self._options.max_pixels,
            wall=self._wall,
        )
        return Packet(
            source=source,
            name=ready.name,
            offered=ready.offered,
            read=hand.read,
            done=partial(self._done, hand),
        )

    async def _done(self, hand: InHand, verdict: Verdict) -> None:
        match verdict:
            case Verdict.RETURNED:
                if hand.problem:
                    self._log.warning(
                        "source is gone: it is taken up if it comes back",
                        source=hand.source,
                        reason=hand.problem,
                    )
                self._places.returned(hand.source)
            case Verdict.LATER:
                self._intake.put_off(hand.source, hand.look, hand.problem)
            case Verdict.DONE:
                self._intake.finish(hand, Fate.DONE)
            case Verdict.FAILED:
                self._intake.finish(hand, Fate.FAILED)
        self._to_look_at.add(hand.source)
        self._stirred.set()

    # What follows runs in `open` and in the one task that it starts.

    async def _keep_looking(self) -> None:
        while True:
            await self._wait()
            if self._clock() >= self._rescan_at:
                await self._rescan()
            await self._look_again()
            await self._intake.offer_settled()
            await self._intake.compare_unsure()
            await self._let_leave()

    async def _wait(self) -> None:
        now = self._clock()
        dues = (self._places.next_due(), self._leaving.next_due(now), self._rescan_at)
        until = min(due for due in dues if due is not None)
        if self._places.has_unsure:
            until = now
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - now)):
                await self._stirred.wait()
                await asyncio.sleep(_PACE)
        self._stirred.clear()

    async def _scan(self) -> Scan:
        started = self._clock()
        try:
            found = await self._thread.run(self._folder.scan)
        finally:
            ended = self._clock()
            self._rescan_at = ended + self._seconds_until_rescan(ended - started)
        for path in sorted(found.unreadable.keys() - self._unreadable):
            self._log.warning(
                "part of the watched folder cannot be read",
                part=path,
                reason=found.unreadable[path],
            )
        self._unreadable = set(found.unreadable)
        return found

    def _seconds_until_rescan(self, scan_took: float) -> float:
        settle, rescan = self._options.settle, self._options.rescan
        if not self._hearing.polls:
            return seconds_between_rescans(rescan=rescan, scan_took=scan_took)
        return seconds_between_polls(settle=settle, rescan=rescan, scan_took=scan_took)

    async def _first_scan(self) -> None:
        try:
            looks = (await self._scan()).looks
        except OSError as exc:
            raise SourceError(
                f"{self._folder.path}: cannot be read: {exc.strerror}; "
                "allow it, or name another folder in `path`"
            ) from exc
        self._places.were_there(looks)
        for portion in portions(looks):
            for source in portion:
                self._names.add(source)
            await asyncio.sleep(0)
        await self._take_up_retries()
        if self._ledger.is_new and self._done_before is not None:
            await self._intake.adopt(looks, self._done_before)
        await self._intake.take_in(looks)
        self.kept = len(self._places.finished)
        await self._intake.offer_settled()
        await self._note_present(looks)

    async def _note_present(self, sources: Collection[str]) -> None:
        await self._recall.present(sources)
        self._present_at = self._clock() + _PRESENT_EVERY

    async def _rescan(self) -> None:
        await self._thread.run(self._hearing.ensure)
        try:
            found = await self._scan()
        except OSError as exc:
            if not self._missing:
                self._log.warning("watched folder cannot be read", reason=exc.strerror)
            self._missing = True
            return
        if self._missing:
            self._log.info("watched folder is back")
        self._missing = False
        await self._take_up_retries()
        self._names.keep_only(found)
        for source in self._places.keep_only(found):
            self._names.release(source)
        await self._intake.take_in(found.looks)
        if self._clock() >= self._present_at:
            await self._note_present(found.looks)

    async def _take_up_retries(self) -> None:
        for entry in await self._ledger.retries():
            self._log.info("source is tried again", source=entry.source)
            self._places.reconsider(entry.source)
            self._to_look_at.add(entry.source)
            await self._traffic.back(entry)

    async def _look_again(self) -> None:
        closed_at, self._closed_at = self._closed_at, {}
        sources, self._to_look_at = self._to_look_at, set()
        sources.update(closed_at, self._places.to_look_at(self._clock()))
        looks = await self._thread.run(partial(self._folder.look_at, sources))
        await self._intake.take_in(
            {s: look for s, look in looks.items() if look is not None}
        )
        for source in (s for s, look in looks.items() if look is None):
            self._places.gone(source)
        for source, at in closed_at.items():
            self._places.stirred(source, at=at)

    async def _let_leave(self) -> None:
        for source in await self._traffic.out():
            # Should it come back, the ledger says what became of it.
            self._places.reconsider(source)
            self._names.release(source)

    def _prepare_hearing(self, loop: asyncio.AbstractEventLoop) -> Hearing:
        def from_thread(hear: Callable[[str], None]) -> Callable[[str], object]:
            return lambda source: loop.call_soon_threadsafe(hear, source)

        watch = FolderWatch(
            self._folder.path,
            closed=from_thread(self._hear_closed),
            moved=from_thread(self._hear_moved),
            lost=lambda: loop.call_soon_threadsafe(self._hear_lost),
            recursive=self._options.recursive,
            excluded=self._excluded,
        )
        return Hearing(self._folder, watch, self._options.watch, self._log)

    def _hear_closed(self, source: str) -> None:
        if self._is_meant(source):
            self._closed_at[source] = self._clock()
            self._stirred.set()

    def _hear_moved(self, source: str) -> None:
        if self._is_meant(source):
            self._to_look_at.add(source)
            self._stirred.set()

    def _hear_lost(self) -> None:
        self._rescan_at = self._clock()
        self._stirred.set()

    def _is_meant(self, source: str) -> bool:
        return self._matches(source.rpartition("/")[2])
