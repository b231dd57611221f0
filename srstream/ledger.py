"""What is asked of the ledger: what became of every frame. Protocol and values only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from srstream.frames import Content, FrameId
from srstream.quantities import Keep


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells one content of a file from the next, without reading it."""

    size: int
    mtime_ns: int


class Fate(StrEnum):
    """How far a source's content came."""

    TAKEN = "taken"
    """Handed out; after a restart it is offered again."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of a source: about its latest content only."""

    source: str
    name: str
    """What its outputs are called."""
    signature: Signature
    fate: Fate
    content: Content | None
    """None: it was never read."""
    seq: int | None
    reason: str
    """Why it failed; else empty."""
    time: float
    """When it came to this, in seconds since 1970."""
    moved_to: str
    """Where the file is now, if it was moved away; else empty."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file about to get its final name."""

    path: str
    """Absolute."""
    part: str
    """Its temporary name, absolute."""
    size: int
    digest: bytes
    """SHA-256."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of statistics, with the number of its frame."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a run that died left half done."""

    adopted: int = 0
    """Frames whose outputs all stand: now done."""
    redone: int = 0
    """Frames that will be offered again."""


class Ledger(Protocol):
    """What became of every frame of one stream; survives restarts and `kill -9`.

    Calls take effect in the order in which they are made. What is awaited is on the disk
    when it returns; what is not awaited is there with the next that is. For want of space,
    writing is tried again until it succeeds: awaiting may take long, and never fails so.
    """

    @property
    def is_new(self) -> bool:
        """Whether nothing was known of this stream when the ledger was opened."""
        ...

    @property
    def last_seq(self) -> int:
        """The highest number of a frame that is done, or failed when it was published."""
        ...

    # For sources.

    async def entries(self, sources: Collection[str]) -> dict[str, Entry]:
        """Return what is known of these sources."""
        ...

    async def owners(self, names: Collection[str]) -> dict[str, str]:
        """Return which of these names of outputs are taken, and by which source."""
        ...

    def took(self, source: str, name: str, signature: Signature) -> None:
        """Note that a content was handed out; what was known of another is forgotten."""
        ...

    async def adopt(self, sources: Sequence[tuple[str, str, Signature]]) -> None:
        """Note as done what was done before this ledger was: source, name, signature."""
        ...

    async def verified(self, source: str, signature: Signature, content: Content) -> None:
        """Note that a file, read again, holds what was done; under a new signature, too."""
        ...

    async def present(self, sources: Collection[str]) -> None:
        """Note that these files are still there: they are not forgotten by age."""
        ...

    async def moved(self, source: str, to: str) -> None:
        """Note where a file was moved after it was done, or failed."""
        ...

    async def retries(self) -> list[Entry]:
        """Return failed ones that an operator wants tried again, and forget them."""
        ...

    # For the pipeline.

    async def recover(self) -> Recovered:
        """Before the first frame: adopt outputs that stand, remove temporary files."""
        ...

    async def seq_at_least(self, seq: int) -> None:
        """Let `last_seq` be this or higher: statistics from before the ledger are there."""
        ...

    def publishing(
        self, frame: FrameId, content: Content | None, *, outputs: int, line: str | None
    ) -> None:
        """Note that a frame is about to be written.

        Args:
            frame: Which.
            content: What was read.
            outputs: How many sinks are lasting: so many intents make it done.
            line: What is told about it if the process dies before `done`; none: nothing.
        """
        ...

    async def done(self, frame: FrameId, *, line: str | None) -> None:
        """Note that every output stands; `line` replaces that of `publishing`."""
        ...

    def passed(self, seq: int) -> None:
        """Note that a frame went out of which nothing is kept: not a file, not a line.

        After a kill, the numbers of the last second may be used again.
        """
        ...

    async def failed(self, source: str, reason: str, *, seq: int | None = None) -> None:
        """Note that a content is given up; `seq` if it had come to publishing."""
        ...

    # For sinks.

    async def intend(self, frame: FrameId, output: Output) -> bool:
        """Note a file before it is named; false: it stands, from a run before."""
        ...

    async def lines(self, after: int, limit: int) -> list[Line]:
        """Return the next lines of statistics; those all followers have are gone."""
        ...

    def told(self, follower: str, seq: int) -> None:
        """Note that a follower has written all lines up to this one."""
        ...

    async def told_up_to(self, follower: str) -> int:
        """Return the last line that a follower is known to have written, or 0.

        Whoever asks is a follower from then on: lines are kept until it has them.
        """
        ...

    def wrote(self, folder: str, path: str, size: int) -> None:
        """Note a file in a folder of results that keeps only so many of them."""
        ...

    async def excess(self, folder: str, keep: Keep, limit: int) -> list[tuple[str, int]]:
        """Return the oldest files beyond what is kept: path and size, at most `limit`."""
        ...

    async def dropped(self, folder: str, paths: Collection[str]) -> None:
        """Note that files of this folder are deleted."""
        ...
