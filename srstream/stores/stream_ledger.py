"""The ledger of one stream: its part of the one file of all."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import islice

from srstream.frames import Content, FrameId
from srstream.ledger import Entry, Line, Output, Recovered, Signature
from srstream.quantities import Keep
from srstream.stores import following, items, publishing, retention
from srstream.stores.recovery import Found, look_at
from srstream.stores.writer import Writer

_AT_ONCE = 500
"""Sources looked up together, some ms; other streams get their turn in between."""


class StreamLedger:
    """What became of every frame of one stream; see `srstream.ledger.Ledger`."""

    def __init__(
        self,
        stream: str,
        writer: Writer,
        clock: Callable[[], float],
        *,
        last_seq: int,
        is_new: bool,
    ) -> None:
        """Use `Ledger.stream`."""
        self._stream = stream
        self._writer = writer
        self._clock = clock
        self._last_seq = last_seq
        self._is_new = is_new
        self._followers: set[str] = set()
        self._are_followers_settled = True
        self._is_first_retry = False
        self._is_noting = False

    @property
    def is_new(self) -> bool:
        """Whether nothing was known of this stream when the ledger was opened."""
        return self._is_new

    @property
    def last_seq(self) -> int:
        """The highest number of a frame that is done, or failed when it was published."""
        return self._last_seq

    # For sources.

    async def entries(self, sources: Collection[str]) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for some in _chunks(sources):
            found |= await self._writer.do(
                partial(items.entries, stream=self._stream, sources=some)
            )
        return found

    async def owners(self, names: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for some in _chunks(names):
            found |= await self._writer.do(
                partial(items.owners, stream=self._stream, names=some)
            )
        return found

    def took(self, source: str, name: str, signature: Signature) -> None:
        self._writer.post(
            partial(
                items.took,
                stream=self._stream,
                source=os.fsencode(source),
                name=os.fsencode(name),
                signature=signature,
                now=self._clock(),
            )
        )

    async def adopt(self, sources: Sequence[tuple[str, str, Signature]]) -> None:
        # In one piece: after a half the ledger would not be new, and the rest done again.
        await self._writer.do(
            partial(
                items.adopt,
                stream=self._stream,
                sources=sources,
                now=self._clock(),
            )
        )

    async def verified(self, source: str, signature: Signature, content: Content) -> None:
        await self._writer.do(
            partial(
                items.verified,
                stream=self._stream,
                source=os.fsencode(source),
                signature=signature,
                content=content,
                now=self._clock(),
            )
        )

    async def present(self, sources: Collection[str]) -> None:
        now = self._clock()
        for some in _chunks(sources):
            await self._writer.do(
                partial(items.present, stream=self._stream, sources=some, now=now)
            )

    async def moved(self, source: str, to: str) -> None:
        key, target = os.fsencode(source), os.fsencode(to)
        await self._writer.do(
            partial(items.moved, stream=self._stream, source=key, to=target)
        )

    async def retries(self) -> list[Entry]:
        back: list[Entry] = []
        if self._is_first_retry:
            self._is_first_retry = False
            back = await self._writer.do(
                partial(items.on_their_way_back, stream=self._stream)
            )
        return back + await self._writer.do(
            partial(items.retries, stream=self._stream, now=self._clock())
        )

    # For the pipeline.

    async def recover(self) -> Recovered:
        self._followers.clear()
        self._are_followers_settled = False
        self._is_first_retry = True
        frames = await self._writer.do(partial(publishing.unfinished, stream=self._stream))
        recovered = Recovered()
        if frames:
            found = await asyncio.to_thread(look_at, frames)
            recovered = await self._writer.do(
                partial(self._settle, found=found, now=self._clock())
            )
        # A run in this process may have been cancelled while it waited for its last frame
        # to be noted, and so have missed that it was.
        self._reached(await self._writer.do(partial(items.last_seq, stream=self._stream)))
        return recovered

    async def seq_at_least(self, seq: int) -> None:
        await self._writer.do(partial(items.note_stream, stream=self._stream, seq=seq))
        self._reached(seq)

    def publishing(
        self, frame: FrameId, content: Content | None, *, outputs: int, line: str | None
    ) -> None:
        self._writer.post(
            partial(
                publishing.publishing,
                frame=frame,
                content=content,
                outputs=outputs,
                line=line,
            )
        )

    async def done(self, frame: FrameId, *, line: str | None) -> None:
        if not self._are_followers_settled:
            # By now all who follow have asked. A file that is no longer written would have
            # lines kept for it for ever.
            self._are_followers_settled = True
            self._writer.post(
                partial(
                    following.only,
                    stream=self._stream,
                    followers=frozenset(self._followers),
                )
            )
        await self._writer.do(
            partial(publishing.done, frame=frame, line=line, now=self._clock())
        )
        self._reached(frame.seq)

    def passed(self, seq: int) -> None:
        self._reached(seq)
        # Nobody waits for it: while nothing can be written, not one for each frame.
        if not self._is_noting:
            self._is_noting = True
            self._writer.post(self._note_last_seq)

    async def failed(self, source: str, reason: str, *, seq: int | None = None) -> None:
        await self._writer.do(
            partial(
                publishing.failed,
                stream=self._stream,
                source=os.fsencode(source),
                reason=reason,
                seq=seq,
                now=self._clock(),
            )
        )
        self._reached(seq or 0)

    # For sinks.

    async def intend(self, frame: FrameId, output: Output) -> bool:
        return await self._writer.do(partial(publishing.intend, frame=frame, output=output))

    async def lines(self, after: int, limit: int) -> list[Line]:
        return await self._writer.do(
            partial(following.lines, stream=self._stream, after=after, limit=limit)
        )

    def told(self, follower: str, seq: int) -> None:
        self._writer.post(
            partial(following.told, stream=self._stream, follower=follower, seq=seq)
        )

    async def told_up_to(self, follower: str) -> int:
        self._followers.add(follower)
        return await self._writer.do(
            partial(following.told_up_to, stream=self._stream, follower=follower)
        )

    def wrote(self, folder: str, path: str, size: int) -> None:
        self._writer.post(
            partial(
                retention.wrote,
                stream=self._stream,
                folder=os.fsencode(folder),
                path=os.fsencode(path),
                size=size,
                now=self._clock(),
            )
        )

    async def excess(self, folder: str, keep: Keep, limit: int) -> list[tuple[str, int]]:
        return await self._writer.do(
            partial(
                retention.excess,
                stream=self._stream,
                folder=os.fsencode(folder),
                keep=keep,
                limit=limit,
                now=self._clock(),
            )
        )

    async def dropped(self, folder: str, paths: Collection[str]) -> None:
        await self._writer.do(
            partial(
                retention.dropped,
                stream=self._stream,
                folder=os.fsencode(folder),
                paths=[os.fsencode(path) for path in paths],
            )
        )

    def _settle(
        self, db: sqlite3.Connection, *, found: Sequence[Found], now: float
    ) -> Recovered:
        adopted = redone = 0
        for one in found:
            frame = one.frame
            if one.is_done:
                adopted += 1
                publishing.done(db, frame.id, frame.line, now)
            else:
                redone += publishing.redo(db, frame.id, one.standing)
        return Recovered(adopted, redone)

    def _note_last_seq(self, db: sqlite3.Connection) -> None:
        self._is_noting = False  # before it is read: what comes after needs another note
        items.note_stream(db, self._stream, self._last_seq)

    def _reached(self, seq: int) -> None:
        self._last_seq = max(self._last_seq, seq)


def _chunks(names: Collection[str]) -> Iterator[list[bytes]]:
    encoded = map(os.fsencode, names)
    while some := list(islice(encoded, _AT_ONCE)):
        yield some
