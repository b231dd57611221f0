"""Stand-ins for what the runtime meets: a clock, sources, a processor, sinks."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from srstream.errors import SinkError, StateError
from srstream.frames import (
    AdaptStats,
    Content,
    Frame,
    FrameId,
    Outcome,
    Picture,
    Upscaled,
)
from srstream.ledger import Entry, Fate, Line, Output, Signature
from srstream.ports import Packet, Verdict
from srstream.quantities import Keep
from srstream.stores.unrecorded import Unrecorded


class FakeClock:
    """Stands still until told."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def picture(value: int = 0, *, size: tuple[int, int] = (4, 3)) -> Picture:
    """A plain RGB picture of 36 bytes, unless a size (width, height) is given."""
    width, height = size
    return Picture(np.full((height, width, 3), value, np.uint8))


def raising(error: BaseException) -> Callable[[], Picture]:
    """Return a way to read a picture that cannot be read."""

    def read() -> Picture:
        raise error

    return read


def frame(value: int = 0, *, stream: str = "demo", seq: int = 1) -> Frame:
    return Frame(FrameId(stream, seq, f"{value}.png", str(value)), picture(value))


class Tally:
    """Counts events from any thread; a test awaits their number instead of sleeping."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._waiting: list[
            tuple[str, int, asyncio.AbstractEventLoop, asyncio.Future[None]]
        ] = []

    def __getitem__(self, event: str) -> int:
        return self._counts[event]

    def add(self, event: str) -> None:
        with self._lock:
            self._counts[event] += 1
            ready = [entry for entry in self._waiting if self._reached(*entry[:2])]
            self._waiting = [entry for entry in self._waiting if entry not in ready]
        for _, _, loop, future in ready:
            loop.call_soon_threadsafe(_resolve, future)

    async def reached(self, event: str, times: int = 1) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._reached(event, times):
                return
            self._waiting.append((event, times, loop, future))
        async with asyncio.timeout(10):
            await future

    def _reached(self, event: str, times: int) -> bool:
        return self._counts[event] >= times


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Gate:
    """Holds threads and tasks up until it is opened."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._tally = Tally()

    def open(self) -> None:
        self._opened.set()
        self._tally.add("opened")

    def wait(self, seconds: float = 10.0) -> bool:
        """Wait in a thread; false when the time is up."""
        return self._opened.wait(seconds)

    async def passed(self) -> None:
        """Wait in a task."""
        await self._tally.reached("opened")


class FakeProcessor:
    """Repeats every pixel; keeps to the protocol and complains about who does not.

    A frame needs `slices` calls of `advance`, and more while `hold` is not open.
    """

    def __init__(
        self,
        *,
        slices: int = 1,
        scale: int = 2,
        hold: Gate | None = None,
        errors: Mapping[str, Exception] | None = None,
        stats: AdaptStats | None = None,
    ) -> None:
        self.slices = slices
        self.scale = scale
        self.hold = hold
        self.errors = dict(errors or {})
        """By the name of the frame, raised on its first slice."""
        self.stats = stats or AdaptStats(
            Outcome.ADAPTED, scale, net="fake", preset="fake", device="cpu"
        )
        self.tally = Tally()
        """Calls by the name of the method."""
        self.threads: set[int] = set()
        self.abandoned: list[str] = []
        self.seen: list[str] = []
        """The names of all frames finished, which is its state."""
        self._frame: Frame | None = None
        self._advanced = 0

    def begin(self, frame: Frame) -> None:
        self._note("begin")
        assert self._frame is None, "the frame before is neither finished nor abandoned"
        self._frame = frame
        self._advanced = 0

    def advance(self, seconds: float) -> bool:
        self._note("advance")
        assert self._frame is not None
        error = self.errors.get(self._frame.id.name)
        if error is not None:
            raise error
        self._advanced += 1
        if self.hold is not None and not self.hold.wait(seconds):
            return False
        return self._advanced >= self.slices

    def finish(self) -> Upscaled:
        self._note("finish")
        assert self._frame is not None
        frame, self._frame = self._frame, None
        self.seen.append(frame.id.name)
        pixels = frame.picture.pixels.repeat(self.scale, 0).repeat(self.scale, 1)
        return Upscaled(frame, pixels, self.stats)

    def abandon(self) -> None:
        if self._frame is not None:
            self.abandoned.append(self._frame.id.name)
        self._frame = None
        self._note("abandon")  # last: whoever waits for it looks at what was abandoned

    def dump(self) -> bytes:
        self._note("dump")
        assert self._frame is None, "a frame is in hand"
        return " ".join(self.seen).encode()

    def load(self, blob: bytes) -> None:
        self._note("load")
        if blob == b"does not fit":
            raise StateError("it does not fit")
        self.seen = blob.decode().split()

    def _note(self, call: str) -> None:
        self.threads.add(threading.get_ident())
        self.tally.add(call)


@dataclass
class Offer:
    """A packet to be, and what became of it."""

    name: str
    read: Callable[[], Picture] = picture
    offered: float = 0.0
    skipped: int = 0
    at_once: bool = False
    verdicts: list[Verdict] = field(default_factory=list)
    """One when all is well."""


class ListSource:
    """Offers what it was given and ends; waits for ever before the end if `endless`."""

    def __init__(self, *offers: Offer | str, endless: bool = False) -> None:
        self.offers = [Offer(o) if isinstance(o, str) else o for o in offers]
        self.arrived = 0
        self.tally = Tally()
        """`open`, `taken`, `waiting`, `done`, `closed`."""
        self._endless = endless
        self._taken = 0

    @property
    def backlog(self) -> int:
        return len(self.offers) - self._taken

    @property
    def verdicts(self) -> dict[str, list[Verdict]]:
        """Of those that were handed out."""
        return {offer.name: offer.verdicts for offer in self.offers[: self._taken]}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        self.tally.add("open")
        try:
            yield self._packets()
        finally:
            self.tally.add("closed")

    async def _packets(self) -> AsyncIterator[Packet]:
        for offer in self.offers:
            yield self._packet(offer)
        self.tally.add("waiting")
        if self._endless:
            await asyncio.Event().wait()

    def _packet(self, offer: Offer) -> Packet:
        self._taken += 1
        self.tally.add("taken")
        return Packet(
            f"{offer.name}.png",
            offer.name,
            offer.offered,
            offer.read,
            self._settler(offer),
            at_once=offer.at_once,
        )

    def _settler(self, offer: Offer) -> Callable[[Verdict], object]:
        async def done(verdict: Verdict) -> None:
            assert not self.tally["closed"], "settled after the source was closed"
            offer.verdicts.append(verdict)
            self.tally.add("done")

        return done


class HangingSource(ListSource):
    """Offers what it was given and then nothing, for ever."""

    def __init__(self, *offers: Offer | str) -> None:
        super().__init__(*offers, endless=True)


class FakeFeed(ListSource):
    """Offers what it was given, and more as it comes, until it is stopped.

    Its frames have no names; what it was given is who sent them.
    """

    def __init__(self, *offers: Offer | str) -> None:
        super().__init__(*offers)
        self.shown: list[Upscaled] = []
        """What it was told of as published."""
        self._stopped = False
        self._news = asyncio.Event()

    def accept(self, offer: Offer | str) -> None:
        assert not self._stopped
        self.offers.append(Offer(offer) if isinstance(offer, str) else offer)
        self.arrived += 1
        self._news.set()

    def stop(self) -> None:
        self.tally.add("stop")
        self._stopped = True
        self._news.set()

    def published(self, item: Upscaled) -> None:
        self.shown.append(item)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        self._stopped = False
        self.tally.add("open")
        try:
            yield self._packets()
        finally:
            self.tally.add("closed")

    async def _packets(self) -> AsyncIterator[Packet]:
        while True:
            while self._taken < len(self.offers):
                offer = self.offers[self._taken]
                packet = self._packet(offer)
                yield replace(packet, source=offer.name, name=None, skipped=offer.skipped)
            if self._stopped:
                return
            self.tally.add("waiting")
            self._news.clear()
            await self._news.wait()

    def _settler(self, offer: Offer) -> Callable[[Verdict], object]:
        async def done(verdict: Verdict) -> None:
            assert self.tally["closed"] < self.tally["open"], "settled after it was closed"
            offer.verdicts.append(verdict)
            self.tally.add("done")

        return done


class FakeSender(FakeFeed):
    """One of the senders of a feed, as long idle as it is told."""

    def __init__(self, id: str, *offers: Offer | str) -> None:  # noqa: A002 - its name
        super().__init__(*offers)
        self.id = id
        self.idle = 0.0
        self.is_retired = False

    def idle_for(self) -> float:
        return self.idle

    def retire(self) -> bool:
        if self.backlog:
            return False
        self.tally.add("retired")
        self.is_retired = True
        return True


class FakeSenders:
    """A feed whose senders appear when a test says so."""

    def __init__(self) -> None:
        self.arrived = 0
        self.tally = Tally()
        """`open`, `stop`, `closed`."""
        self.error: Exception | None = None
        """Raised when it is opened."""
        self._appearing: asyncio.Queue[FakeSender | None] = asyncio.Queue()

    def appear(self, sender: FakeSender) -> FakeSender:
        self._appearing.put_nowait(sender)
        return sender

    def stop(self) -> None:
        self.tally.add("stop")
        self._appearing.put_nowait(None)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[FakeSender]]:
        if self.error is not None:
            raise self.error
        self.tally.add("open")
        try:
            yield self._senders()
        finally:
            self.tally.add("closed")

    async def _senders(self) -> AsyncIterator[FakeSender]:
        while (sender := await self._appearing.get()) is not None:
            yield sender


class ListSink:
    """Keeps what it was given; waits at `hold` before it takes each."""

    lasting = False

    def __init__(self, *, reports: bool = False, hold: Gate | None = None) -> None:
        self.reports = reports
        self.items: list[Upscaled] = []
        self.tally = Tally()
        """`open`, `write`, `close`."""
        self._hold = hold

    @property
    def names(self) -> list[str]:
        return [item.frame.id.name for item in self.items]

    async def open(self) -> None:
        self.tally.add("open")

    async def write(self, item: Upscaled) -> None:
        self.tally.add("write")
        if self._hold is not None:
            await self._hold.passed()
        self.items.append(item)

    async def close(self) -> None:
        self.tally.add("close")


class FailingSink(ListSink):
    """Raises instead of taking: an error for every frame, or at `open`."""

    def __init__(
        self,
        *,
        at_open: Exception | None = None,
        at_write: Exception | None = None,
        reports: bool = False,
        names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(reports=reports)
        self._at_open = at_open
        self._at_write = at_write or SinkError("/out/x.png: no space left on device")
        self._names = names

    async def open(self) -> None:
        await super().open()
        if self._at_open is not None:
            raise self._at_open

    async def write(self, item: Upscaled) -> None:
        if self._names is None or item.frame.id.name in self._names:
            self.tally.add("write")
            raise self._at_write
        await super().write(item)


class FakeLedger(Unrecorded):
    """Keeps in memory what it is told, and every call in `calls`, in order."""

    def __init__(self, *, is_new: bool = False, known: Sequence[Entry] = ()) -> None:
        super().__init__()
        self.is_new = is_new
        self.known = {entry.source: entry for entry in known}
        self.calls: list[tuple[object, ...]] = []
        self.said: dict[int, str] = {}
        """The lines of statistics by number."""
        self.to_retry: list[str] = []
        self.standing: set[str] = set()
        """Paths of outputs that stand from a run before."""
        self.written: dict[str, int] = {}
        self.marks: dict[str, int] = {}

    def names_of(self, *calls: str) -> list[tuple[object, ...]]:
        """Return the calls of these methods."""
        return [call for call in self.calls if call[0] in calls]

    async def entries(self, sources: Collection[str]) -> dict[str, Entry]:
        return {name: self.known[name] for name in sources if name in self.known}

    async def owners(self, names: Collection[str]) -> dict[str, str]:
        return {e.name: e.source for e in self.known.values() if e.name in names}

    def took(self, source: str, name: str, signature: Signature) -> None:
        self.calls.append(("took", source, name, signature))
        self.known[source] = Entry(
            source, name, signature, Fate.TAKEN, None, None, "", 0.0, ""
        )

    async def adopt(self, sources: Sequence[tuple[str, str, Signature]]) -> None:
        self.calls.append(("adopt", tuple(sources)))
        for source, name, signature in sources:
            self.took(source, name, signature)
            self._settle(source, Fate.DONE)

    async def verified(self, source: str, signature: Signature, content: Content) -> None:
        self.calls.append(("verified", source))
        if source in self.known:
            self.known[source] = replace(
                self.known[source], signature=signature, content=content
            )

    async def present(self, sources: Collection[str]) -> None:
        self.calls.append(("present", frozenset(sources)))

    async def moved(self, source: str, to: str) -> None:
        self.calls.append(("moved", source, to))
        if source in self.known:
            self.known[source] = replace(self.known[source], moved_to=to)

    async def retries(self) -> list[Entry]:
        wanted, self.to_retry = self.to_retry, []
        return [self.known.pop(source) for source in wanted if source in self.known]

    async def seq_at_least(self, seq: int) -> None:
        self.calls.append(("seq_at_least", seq))
        await super().seq_at_least(seq)

    def publishing(
        self, frame: FrameId, content: Content | None, *, outputs: int, line: str | None
    ) -> None:
        self.calls.append(("publishing", frame.source, frame.seq, outputs))
        if frame.source in self.known:
            self.known[frame.source] = replace(self.known[frame.source], content=content)

    async def done(self, frame: FrameId, *, line: str | None) -> None:
        self.calls.append(("done", frame.source, frame.seq))
        if line is not None:
            self.said[frame.seq] = line
        self._settle(frame.source, Fate.DONE, seq=frame.seq)
        self.last_seq = max(self.last_seq, frame.seq)

    def passed(self, seq: int) -> None:
        self.calls.append(("passed", seq))
        super().passed(seq)

    async def failed(self, source: str, reason: str, *, seq: int | None = None) -> None:
        self.calls.append(("failed", source, reason))
        self._settle(source, Fate.FAILED, seq=seq, reason=reason)
        self.last_seq = max(self.last_seq, seq or 0)

    async def intend(self, frame: FrameId, output: Output) -> bool:
        self.calls.append(("intend", frame.source, output.path))
        return output.path not in self.standing

    async def lines(self, after: int, limit: int) -> list[Line]:
        return [Line(n, self.said[n]) for n in sorted(self.said) if n > after][:limit]

    def told(self, follower: str, seq: int) -> None:
        self.calls.append(("told", follower, seq))
        self.marks[follower] = seq

    async def told_up_to(self, follower: str) -> int:
        return self.marks.setdefault(follower, 0)

    def wrote(self, folder: str, path: str, size: int) -> None:
        self.calls.append(("wrote", folder, path, size))
        self.written[path] = size

    async def excess(self, folder: str, keep: Keep, limit: int) -> list[tuple[str, int]]:
        most = len(self.written) if keep.files is None else keep.files
        return list(self.written.items())[: max(0, len(self.written) - most)][:limit]

    async def dropped(self, folder: str, paths: Collection[str]) -> None:
        self.calls.append(("dropped", folder, tuple(paths)))
        for path in paths:
            self.written.pop(path, None)

    def _settle(
        self, source: str, fate: Fate, *, seq: int | None = None, reason: str = ""
    ) -> None:
        if source in self.known:
            self.known[source] = replace(
                self.known[source], fate=fate, seq=seq, reason=reason
            )


class FakeCheckpoints:
    """States in memory."""

    def __init__(self) -> None:
        self.states: dict[int, bytes] = {}
        self.rejected: dict[int, str] = {}

    def save(self, seq: int, state: bytes) -> None:
        self.states[seq] = state

    def newest(self, *, up_to: int | None = None) -> tuple[int, bytes] | None:
        fitting = [seq for seq in self.states if up_to is None or seq <= up_to]
        return (max(fitting), self.states[max(fitting)]) if fitting else None

    def reject(self, seq: int, reason: str) -> None:
        self.rejected[seq] = reason
        del self.states[seq]
