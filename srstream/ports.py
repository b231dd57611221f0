"""What the runtime asks of the world. Protocols and the values they exchange only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from srstream.frames import Frame, Picture, Upscaled
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
    """Where it came from: for a folder, the path below it."""
    name: str
    """What its outputs are called, without extension."""
    offered: float
    """The stream's clock when the frame became ready, in seconds."""
    read: Callable[[], Picture]
    """Read and decode; runs in a decode thread. Raises `FrameError`."""
    done: Callable[[Verdict], Awaitable[None]]
    """Awaited exactly once."""


class Source(Protocol):
    """Where frames come from."""

    @property
    def arrived(self) -> int:
        """How many frames became ready since `open`, those already there not counted."""
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
    done_before: Callable[[str, int], bool] | None = None
    """Tells, given a frame's name and its source's mtime in ns, whether every output of it
    stands already and is not older; asked when the ledger is new. Blocks."""
