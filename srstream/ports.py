"""What the runtime asks of the world. Protocols and the values they exchange only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from srstream.frames import Frame, Origin, Picture, Upscaled
from srstream.ledger import Ledger


class Verdict(Enum):
    """What became of a packet."""

    DONE = auto()
    """Every output of it is published; the ledger says so."""
    FAILED = auto()
    """Offering it again is of no use; the ledger says why."""
    RETURNED = auto()
    """It was given back: offer it again, now or at the next start."""
    LATER = auto()
    """It cannot be read now: offer it again after a while, for ever."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A frame that a source has, not yet read."""

    source: str
    """Where it came from: for a folder, the path below it; for a feed, the sender."""
    name: str | None
    """What its outputs are called, without extension; none: by the number of the frame."""
    offered: float
    """The stream's clock when the frame became ready, in seconds."""
    read: Callable[[], Picture]
    """Read and decode; runs in a decode thread, unless `at_once`. Raises `FrameError`."""
    done: Callable[[Verdict], Awaitable[None]]
    """Awaited exactly once."""
    skipped: int = 0
    """How many frames were dropped just before it: their numbers are left out. One that is
    refused when it is read has no number: its feed tells it of the next one."""
    origin: Origin | None = None
    """What a feed said of it."""
    at_once: bool = False
    """Whether `read` takes no time: then it is called on the event loop."""


class Source(Protocol):
    """Where frames come from."""

    @property
    def arrived(self) -> int:
        """How many frames became ready since `open`, those already there not counted.

        Of a feed: since it was made, those that it dropped again included.
        """
        ...

    @property
    def backlog(self) -> int:
        """How many frames are ready and not yet handed out."""
        ...

    def open(self) -> AbstractAsyncContextManager[AsyncIterator[Packet]]:
        """Start watching. The iterator ends when there will be no more frames.

        Raises:
            SourceError: the input cannot be watched at all.
        """
        ...


@runtime_checkable
class Feed(Source, Protocol):
    """A source that cannot offer a frame again: what it accepted is finished, or lost.

    May be opened again after it was closed, and then goes on where it was.
    """

    def stop(self) -> None:
        """Accept no more; the iterator ends after what was accepted."""
        ...

    def published(self, item: Upscaled) -> None:
        """Be told of a frame that is published, with its statistics."""
        ...


@runtime_checkable
class Sender(Feed, Protocol):
    """The frames of one of the senders of a feed."""

    id: str
    """Names its stream: 1 to 64 of A-Z a-z 0-9 . _ -."""

    def idle_for(self) -> float:
        """Return the seconds since something of it was last accepted or in hand."""
        ...

    def retire(self) -> bool:
        """Give it up, if nothing of it waits or is in hand; false: something is.

        Its iterator ends then. Its next frame makes a new sender of the same id, which may
        appear before this one is closed.
        """
        ...


class Senders(Protocol):
    """A feed of which each sender has a stream of its own."""

    @property
    def arrived(self) -> int:
        """How many frames were accepted."""
        ...

    def open(self) -> AbstractAsyncContextManager[AsyncIterator[Sender]]:
        """Start listening. Yields each new sender; ends after `stop`.

        Raises:
            SourceError: there is nothing to listen to.
        """
        ...

    def stop(self) -> None:
        """Accept no more, from none of the senders."""
        ...


class Sink(Protocol):
    """Where upscaled frames go."""

    reports: bool
    """True for a sink that tells about a frame: written last, with the others' time."""
    lasting: bool
    """True for one that writes its outputs into the ledger before it names them, so that
    a restart knows which of them stand."""

    async def open(self) -> None:
        """Prepare; called once before the first frame.

        Raises:
            SinkError: it cannot be written to now; each write tries anew.
        """
        ...

    async def write(self, item: Upscaled) -> None:
        """Write one frame.

        Raises:
            SinkUnavailable: not now; to be called again.
            SinkError: never.
        """
        ...

    async def close(self) -> None:
        """Finish; called once, also after errors and if `open` failed."""
        ...


class Processor(Protocol):
    """What adapts to a frame and upscales it; `engine.Session` is one, fakes are others.

    Called from one compute thread only.
    """

    def begin(self, frame: Frame) -> None:
        """Take a frame up. The frame before must be finished or abandoned."""
        ...

    def advance(self, seconds: float) -> bool:
        """Work for about this long, one unit at least; true when the frame is ready."""
        ...

    def finish(self) -> Upscaled:
        """Do whatever is left and return the result."""
        ...

    def abandon(self) -> None:
        """Drop the frame in hand; the state is as it was before `begin`."""
        ...

    def dump(self) -> bytes:
        """Return all that is carried from frame to frame; between frames only."""
        ...

    def load(self, blob: bytes) -> None:
        """Continue where `dump` left off.

        Raises:
            StateError: it does not fit; nothing changed.
        """
        ...


class Pupil(Processor, Protocol):
    """A processor that upscales with what another one learns."""

    def teach(self, lesson: Any) -> None:
        """Use this from the next frame on; between frames only."""
        ...


class Teacher(Protocol):
    """What learns for a pupil; called from one thread only, but another than the pupil."""

    def learn(self, frame: Frame) -> Generator[None, None, Any]:
        """Learn from a frame, in slices; returns a lesson.

        Raises:
            FrameError: its pixels are not as `Pixels` says.
        """
        ...

    def present(self) -> Any:
        """Return what is known already, as a lesson."""
        ...

    def dump(self) -> bytes:
        """Return all that is carried from frame to frame."""
        ...

    def load(self, blob: bytes) -> None:
        """Continue where `dump` left off.

        Raises:
            StateError: it does not fit; nothing changed.
        """
        ...


class Checkpoints(Protocol):
    """Where a stream's state outlives the process. All of it blocks."""

    def save(self, seq: int, state: bytes) -> None:
        """Write the state after the frame of this number, and drop the oldest ones.

        Raises:
            OSError: it cannot be written.
        """
        ...

    def newest(self, *, up_to: int | None = None) -> tuple[int, bytes] | None:
        """Return the newest state and its number, at most `up_to` if that is given.

        What is no state is rejected on the way, and what cannot be read now passed over.
        """
        ...

    def reject(self, seq: int, reason: str) -> None:
        """Set a state that does not fit aside, with the reason, for people to look at."""
        ...


@dataclass(frozen=True, slots=True)
class StreamContext:
    """What a source or a sink is told about its stream."""

    stream: str
    clock: Callable[[], float]
    """Monotonic seconds."""
    base: Path
    """Relative paths are relative to this folder."""
    ledger: Ledger
    run: str = ""
    """Identifies this run of the program in the statistics."""
    done_before: Callable[[str, int], bool] | None = None
    """Tells, given a frame's name and its source's mtime in ns, whether every output of it
    stands already and is not older; asked when the ledger is new. Blocks."""
    tell: Callable[[Upscaled], str] | None = None
    """Makes the line of statistics about a frame, for feeds that answer with it."""
