"""A watched folder: every picture in it is a frame, and every new one that arrives.

Events of the file system say what to look at, and so does a rescan now and then, for
what events miss: network shares, links, an overflown queue. All that touches the disk
happens on a thread of the source's own; everything else on the event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Literal, TypeVar

import structlog

from srstream.errors import SourceError
from srstream.frames import Picture
from srstream.ledger import Signature
from srstream.ports import Packet, StreamContext, Verdict
from srstream.ranges import check_within
from srstream.sources.files import MAX_PIXELS, Look, read_unchanged
from srstream.sources.finished import Finished
from srstream.sources.folder import Folder
from srstream.sources.matching import PICTURES, matcher
from srstream.sources.names import Names, natural_key
from srstream.sources.settle import Settle
from srstream.sources.watch import FolderWatch

Result = TypeVar("Result")

_REMEMBERED = 100_000  # some 20 MB of names, for cameras that never stop
_PACE = 0.02  # seconds in which events gather before they are looked at together
_AT_ONCE = 200  # files gone through before the event loop gets its turn: about 1 ms


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """A folder to watch."""

    path: str
    """The folder; made if it is missing."""
    pattern: tuple[str, ...] = PICTURES
    """Names to take, upper and lower case alike; never those with a leading dot."""
    after: Literal["keep"] = "keep"
    """What happens to a source once its frame is done: keep it."""
    settle: float = 0.5
    """Seconds without a change after which a file counts as complete."""
    rescan: float = 5.0
    """Seconds between looks at the whole folder, for what events do not tell."""
    max_pixels: int = MAX_PIXELS
    """Larger pictures are refused, from their header."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path is empty; name a folder")
        if not self.pattern or not all(self.pattern):
            raise ValueError('pattern is empty; allowed: one or more such as "*.png"')
        check_within("settle", self.settle, 0.01, 3600.0)
        check_within("rescan", self.rescan, 0.05, 86_400.0)
        check_within("max_pixels", self.max_pixels, 1, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file that is ready."""

    look: Look
    name: str
    offered: float


class DirectorySource:
    """Offers the files of a folder, each content once.

    A file is always in one place: settling, ready, in hand (offered and not yet done)
    or finished. While it is in hand it is left alone; afterwards it is looked at again,
    so that new content under an old name becomes a frame of its own.
    """

    def __init__(self, options: DirectoryOptions, context: StreamContext) -> None:
        """Prepare; nothing is watched before `open`.

        What was `done_before`, as the context tells on this source's thread, is left out
        when it is there at the start.
        """
        self._options = options
        path = context.base / options.path
        self._clock = context.clock
        self._stream = context.stream
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger().bind(
            stream=context.stream, folder=str(path)
        )
        self._done_before = context.done_before
        self._matches = matcher(options.pattern)
        self._folder = Folder(path, self._matches)

        self.arrived = 0
        self.kept = 0
        """How many files were left out at the start because they were done before."""
        self._names = Names()
        self._settle = Settle(options.settle)
        self._ready: OrderedDict[str, _Waiting] = OrderedDict()
        self._in_hand: set[str] = set()
        self._finished = Finished(limit=_REMEMBERED)
        self._no_arrival: set[str] = set()
        """Files whose becoming ready is no arrival: there at the start, or returned."""

        self._closed_at: dict[str, float] = {}
        self._to_look_at: set[str] = set()
        self._stirred = asyncio.Event()
        self._some_ready = asyncio.Event()
        self._watchable = True
        self._missing = False

    @property
    def backlog(self) -> int:
        """How many files are ready and not yet handed out."""
        return len(self._ready)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        """Start watching, once. The iterator never ends by itself.

        Raises:
            SourceError: the folder cannot be made or read.
        """
        self._pool = ThreadPoolExecutor(1, f"srstream-folder-{self._stream}")
        self._watch = self._prepare_watch(asyncio.get_running_loop())
        try:
            if await self._on_thread(self._folder.make):
                self._log.info("watched folder made")
            await self._ensure_watch()
            await self._first_scan()
            keeper = asyncio.create_task(self._keep_looking())
            try:
                yield _Packets(self._next, keeper, self._some_ready)
            finally:
                keeper.cancel()
                await asyncio.wait([keeper])
        finally:
            try:
                await self._on_thread(self._watch.close)
            finally:
                self._pool.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> Packet | None:
        if not self._ready:
            return None
        source, waiting = self._ready.popitem(last=False)
        self._in_hand.add(source)
        return Packet(
            source=source,
            name=waiting.name,
            offered=waiting.offered,
            read=partial(self._read, source, waiting.look),
            done=partial(self._done, source, waiting.look.signature),
        )

    def _read(self, source: str, look: Look) -> Picture:
        return read_unchanged(
            self._folder.path / source, look, max_pixels=self._options.max_pixels
        )

    async def _done(self, source: str, signature: Signature, verdict: Verdict) -> None:
        self._in_hand.remove(source)
        if verdict is Verdict.RETURNED:
            self._no_arrival.add(source)
        else:
            self._finished.add(source, signature)
        self._to_look_at.add(source)
        self._stirred.set()

    # What follows runs in `open` and in the one task that it starts.

    async def _keep_looking(self) -> None:
        rescan_at = self._clock() + self._every
        while True:
            await self._wait_until(rescan_at)
            if self._clock() >= rescan_at:
                await self._rescan()
                rescan_at = self._clock() + self._every
            await self._look_again()
            await self._offer_settled()

    @property
    def _every(self) -> float:
        """Seconds between rescans."""
        return self._options.rescan if self._watchable else self._options.settle

    async def _wait_until(self, rescan_at: float) -> None:
        due = self._settle.next_due()
        until = rescan_at if due is None else min(due, rescan_at)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - self._clock())):
                await self._stirred.wait()
                await asyncio.sleep(_PACE)
        self._stirred.clear()

    async def _first_scan(self) -> None:
        try:
            found = await self._on_thread(self._folder.scan)
        except OSError as exc:
            raise SourceError(
                f"{self._folder.path}: cannot be read: {exc.strerror}; "
                "allow it, or name another folder in `path`"
            ) from exc
        for source in found:
            self._names.add(source)
        kept = await self._on_thread(partial(self._find_done_before, found))
        self.kept = len(kept)
        for source in kept:
            self._finished.add(source, found[source].signature)
        self._no_arrival.update(found.keys() - kept)
        await self._take_in(found)
        await self._offer_settled()

    def _find_done_before(self, found: dict[str, Look]) -> set[str]:
        if self._done_before is None:
            return set()
        return {
            source
            for source in sorted(found, key=natural_key)
            if found[source].is_file
            and self._done_before(
                self._names.claim(source), found[source].signature.mtime_ns
            )
        }

    async def _rescan(self) -> None:
        await self._ensure_watch()
        try:
            found = await self._on_thread(self._folder.scan)
        except OSError as exc:
            if not self._missing:
                self._log.warning("watched folder cannot be read", reason=exc.strerror)
            self._missing = True
            return
        if self._missing:
            self._log.info("watched folder is back")
        self._missing = False
        self._names.keep_only(found)
        self._no_arrival.difference_update(self._settle.gone_but(found))
        for source in self._finished.trim(found):
            self._names.release(source)
        await self._take_in(found)

    async def _look_again(self) -> None:
        closed_at, self._closed_at = self._closed_at, {}
        sources, self._to_look_at = self._to_look_at, set()
        sources.update(closed_at, self._settle.due(self._clock()))
        looks = await self._on_thread(partial(self._folder.look_at, sources))
        await self._take_in({s: look for s, look in looks.items() if look is not None})
        for source in (s for s, look in looks.items() if look is None):
            self._settle.gone(source)
            self._no_arrival.discard(source)
        for source, at in closed_at.items():
            self._settle.stirred(source, at=at)

    async def _take_in(self, looks: dict[str, Look]) -> None:
        remaining = iter(looks.items())
        while some := list(islice(remaining, _AT_ONCE)):
            now = self._clock()
            for source, look in some:
                self._take_in_one(source, look, now=now)
            await asyncio.sleep(0)

    def _take_in_one(self, source: str, look: Look, *, now: float) -> None:
        self._names.add(source)
        if source in self._in_hand:
            return
        if self._finished.has(source, look.signature):
            self._settle.gone(source)
            return
        waiting = self._ready.get(source)
        if waiting is not None:
            if waiting.look.signature == look.signature:
                return
            del self._ready[source]
            self._no_arrival.add(source)  # it was counted
        self._settle.saw(source, look.signature, now=now, age=look.age)

    async def _offer_settled(self) -> None:
        settled = self._settle.take_ready(self._clock())
        if not settled:
            return
        checked = await self._on_thread(partial(self._folder.check, settled))
        now = self._clock()
        for source, look in checked.unsettled.items():
            self._settle.saw(source, look.signature, now=now)
        for source, look in checked.complete.items():
            self._ready[source] = _Waiting(look, self._names.claim(source), now)
            if source in self._no_arrival:
                self._no_arrival.remove(source)
            else:
                self.arrived += 1
        self._some_ready.set()

    def _prepare_watch(self, loop: asyncio.AbstractEventLoop) -> FolderWatch:
        def closed(name: str) -> None:
            loop.call_soon_threadsafe(self._hear_closed, name)

        def moved(name: str) -> None:
            loop.call_soon_threadsafe(self._hear_moved, name)

        return FolderWatch(self._folder.path, closed=closed, moved=moved)

    async def _ensure_watch(self) -> None:
        if not self._watchable:
            return
        try:
            await self._on_thread(self._watch.ensure)
        except FileNotFoundError:
            return  # the scan that follows says so
        except OSError as exc:
            self._watchable = False
            self._log.warning(
                "watched folder is only rescanned: the system has no events for it",
                reason=exc.strerror,
                every=self._every,
            )

    def _hear_closed(self, name: str) -> None:
        if self._matches(name):
            self._closed_at[name] = self._clock()
            self._stirred.set()

    def _hear_moved(self, name: str) -> None:
        if self._matches(name):
            self._to_look_at.add(name)
            self._stirred.set()

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


class _Packets:
    """Waits for the next packet; a wait that is cancelled loses none."""

    def __init__(
        self,
        take: Callable[[], Packet | None],
        keeper: asyncio.Task[None],
        some_ready: asyncio.Event,
    ) -> None:
        self._take = take
        self._keeper = keeper
        self._some_ready = some_ready
        keeper.add_done_callback(lambda _: some_ready.set())

    def __aiter__(self) -> _Packets:
        return self

    async def __anext__(self) -> Packet:
        while (packet := self._take()) is None:
            if self._keeper.done():
                self._keeper.result()  # a bug: raises what ended it
                raise StopAsyncIteration
            self._some_ready.clear()
            await self._some_ready.wait()
        return packet
