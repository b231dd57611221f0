"""One lane of a feed's inbox, as a source of packets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from srstream.errors import Refused
from srstream.frames import Picture, Upscaled
from srstream.ports import Packet, Verdict
from srstream.sources.inbox import Inbox, Taken
from srstream.sources.offers import Offers
from srstream.sources.refusals import Refusals
from srstream.sources.sender_ids import NAMELESS
from srstream.transport.channel import Received
from srstream.wire.message import Message


@dataclass(slots=True, eq=False)
class Arrival:
    """A frame that was received."""

    feed: LaneFeed
    """Where it goes."""
    message: Message
    received: Received
    offered: float = 0.0
    """The clock when it was accepted."""


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What the lanes of a feed have in common."""

    inbox: Inbox[Arrival]
    refusals: Refusals
    """Counts what turns out to be no picture when it is decoded."""
    clock: Callable[[], float]
    freed: Callable[[], None]
    """Called when there is more room in the inbox."""
    tell: Callable[[Upscaled], str] | None = None
    """Makes the line of statistics about a frame; none: nobody asks for it."""
    ahead: int | None = None
    """Packets of a lane that are out at a time; none: any number."""


class LaneFeed:
    """What was accepted of one sender, or of all of them."""

    def __init__(
        self,
        context: LaneContext,
        *,
        log: FilteringBoundLogger,
        on_stop: Callable[[LaneFeed], None],
    ) -> None:
        """Add a lane to the inbox.

        Args:
            context: of the feed.
            log: told of frames that are lost.
            on_stop: called by `stop`.
        """
        self.lane = context.inbox.add(self._changed_now)
        self.statistics = b""
        """The last line about a frame that was published."""
        self.is_over = False
        """Whether nothing more is accepted."""
        self._context = context
        self._log = log
        self._on_stop = on_stop
        self._is_stopped = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()
        self._out = 0
        self._busy_at = context.clock()

    @property
    def arrived(self) -> int:
        """How many frames were accepted."""
        return self.lane.arrived

    @property
    def backlog(self) -> int:
        """How many of them wait."""
        return len(self.lane)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it waits or is out."""
        return self.lane.is_empty and not self._out

    def idle_for(self) -> float:
        """Return the seconds since something of it was accepted or out; 0 if it is now."""
        return self._context.clock() - self._busy_at if self.is_idle else 0.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        """Offer what waits and what comes; ends after `end`, when that is all taken."""
        try:
            yield Offers(self._next, self._changed, self._has_ended)
        finally:
            self._say_what_waits()

    def stop(self) -> None:
        """Accept no more; the iterator ends after what was accepted."""
        self._is_stopped = True
        self._on_stop(self)

    def published(self, item: Upscaled) -> None:
        """Keep the statistics of a frame for the next replies."""
        if self._context.tell is not None:
            self.statistics = self._context.tell(item).encode()

    def held(self) -> Iterator[Arrival]:
        """What was received and has no place yet."""
        return (arrival for arrival, _ in self.lane.held)

    def begin(self) -> None:
        """Say that there may be more, also after `end`."""
        self.is_over = False
        self._error = None

    def end(self, error: Exception | None = None) -> None:
        """Say that there will be no more, because of an error if one is given."""
        self._context.inbox.accept_held(self.lane)
        self.is_over = True
        self._error = error
        self._changed.set()

    def _has_ended(self) -> bool:
        if not self.is_over or self.lane.accepted:
            return False
        if self._error is not None:
            raise self._error
        return True

    def _next(self) -> Packet | None:
        ahead = self._context.ahead
        if ahead is not None and self._out >= ahead:
            return None
        taken = self._context.inbox.take(self.lane)
        if taken is None:
            return None
        self._context.freed()
        self._out += 1
        return self._packet(taken)

    def _packet(self, taken: Taken[Arrival]) -> Packet:
        message, peer = taken.item.message, taken.item.received.peer
        refusal: Refused | None = None

        def read() -> Picture:  # on a decode thread, or at once
            nonlocal refusal
            try:
                return message.read()
            except Refused as error:
                refusal = error
                raise

        async def done(verdict: Verdict) -> None:
            self._out -= 1
            self._changed_now()
            if verdict is not Verdict.RETURNED and refusal is not None:
                # It got no number: the gap before it is to stand before the next one.
                self.lane.skipped += taken.skipped
                self._context.refusals.note(
                    refusal, peer=peer, sender=message.origin.sender
                )

        return Packet(
            source=message.origin.sender or NAMELESS,
            name=None,
            offered=taken.item.offered,
            read=read,
            done=done,
            skipped=taken.skipped,
            origin=message.origin,
            at_once=message.at_once,
        )

    def _changed_now(self) -> None:
        self._busy_at = self._context.clock()
        self._changed.set()

    def _say_what_waits(self) -> None:
        # What was out is the pipeline's to tell: it knows the numbers.
        if self._is_stopped:
            lost = self._context.inbox.clear(self.lane)
            if lost:
                self._log.warning("accepted frames lost at the stop", frames=lost)
        elif self.backlog:
            self._log.warning("accepted frames wait", frames=self.backlog)
