"""Receives messages, puts frames into the inbox, and answers those who wait for it.

Nothing is received while the inbox is full, so that senders wait and memory is bounded.
A sender is answered when its frame is accepted: from then on it is ours to finish.

A REQ sender that is cut off while it waits for its reply waits for ever, and so does one
whose next frame was on its way. So at a stop, for a moment, frames are received but nobody
is answered, until the senders that are active have all come and wait; then all are answered
at once and the socket is closed in the same breath.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeAlias

from structlog.typing import FilteringBoundLogger

from srstream.errors import LinkError, Refused, SourceError
from srstream.ports import StreamContext
from srstream.sources.inbox import Inbox
from srstream.sources.introductions import Introductions
from srstream.sources.lane_feed import Arrival, LaneContext, LaneFeed
from srstream.sources.refusals import Refusals
from srstream.sources.replies import Replies
from srstream.sources.zmq_options import ZmqOptions
from srstream.transport.channel import Channel, Kind, Received, opened
from srstream.wire.incoming import MAX_HEADER, read_message
from srstream.wire.message import Goodbye, Message

OpenChannel: TypeAlias = Callable[[], AbstractAsyncContextManager[Channel]]

STOPPING = "stopping"
IMPATIENT = "sender does not wait for its reply"

_KINDS: dict[str, Kind] = {"rep": "router", "pull": "pull", "sub": "sub", "pair": "pair"}
"""REQ senders are served by a router: replies may be late, and take turns."""
_HOLD = 2
"""Messages that wait in the socket for each sender, outside our bound."""
_LARGEST_PIXEL = 16
"""Bytes: four floats."""
_MB = 1_000_000
_AHEAD_OF_LATEST = 2
"""Packets that are out at a time: one that is upscaled or published, and the next one.
More would wait between the steps, and not be the latest any more."""

_LAST_LOOK = 0.1
"""Seconds, at most, in which senders come before they are all answered."""
_QUIET = 0.02
"""Seconds without a message after which none is queued."""
_ACTIVE = 1.0
"""A sender that was heard within so many seconds is waited for."""
_MOST_ACTIVE = 1024
_LONGEST_END = 5.0
"""Seconds that the end may take, the linger of the socket included."""


class Listener:
    """The receiving side of a feed, for all its lanes."""

    def __init__(
        self,
        options: ZmqOptions,
        context: StreamContext,
        *,
        place: Callable[[Message], LaneFeed],
        over: Callable[[Exception | None], None],
        log: FilteringBoundLogger,
        open_channel: OpenChannel | None = None,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            options: of the feed.
            context: of the stream, or of what its streams have in common.
            place: tells where a frame goes, or raises `Refused`.
            over: called when nothing more will be accepted, with what ended it if that
                was no stop.
            log: told who is there, and what is refused.
            open_channel: opens the socket; none: as the options say.
        """
        self.endpoints: tuple[str, ...] = ()
        """Where it is bound in fact, or what it is connected to."""
        self.is_stopping = False
        """Whether `stop` was called."""
        self._inbox: Inbox[Arrival] = Inbox(
            options.queue_mb * _MB, policy=options.policy, accepted=self._accepted
        )
        self._most_at_stop = 2 * options.queue_mb * _MB
        self._refusals = Refusals(log, context.clock)
        self.lanes = LaneContext(
            self._inbox,
            self._refusals,
            context.clock,
            freed=self._freed,
            tell=context.tell if options.reply == "stats" else None,
            ahead=_AHEAD_OF_LATEST if options.policy == "latest" else None,
        )
        """For the lanes that `place` returns."""
        self._options = options
        self._open_channel = open_channel or partial(
            opened,
            _KINDS[options.pattern],
            options.link(context.base),
            hold=_HOLD,
            max_bytes=options.max_pixels * _LARGEST_PIXEL + MAX_HEADER,
            log=log,
        )
        self._place = place
        self._over = over
        self._clock = context.clock
        self._log = log
        self._replies = Replies(options)
        self._introductions = Introductions(log, context.clock)
        self._to_send: deque[tuple[Received, bytes]] = deque()
        self._refuses_all = False
        self._ends = False
        self._nudged = asyncio.Event()
        self._waiting: asyncio.Timeout | None = None
        self._active: dict[bytes, float] = {}
        """When a sender was last heard, by its identity; the latest last."""

    @property
    def arrived(self) -> int:
        """How many frames were accepted."""
        return self._inbox.arrived

    def stop(self) -> None:
        """Accept what is queued, and then no more."""
        self.is_stopping = True
        self._ends = True
        self.nudge()

    def nudge(self) -> None:
        """Look again what there is to do: replies may be due."""
        self._nudged.set()
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())
            self._waiting = None

    def _freed(self) -> None:
        if self._to_send:
            self.nudge()
        self._nudged.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen until `stop`, or until the end of the block: then all is refused.

        Raises:
            SourceError: there is nothing to listen to.
        """
        self._refuses_all = False
        self._ends = self.is_stopping
        if self._ends:
            self._over(None)
            yield
            return
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(started))
        try:
            await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            yield
        finally:
            await self._ended(task)
            self._say_totals()
        if not task.cancelled():
            task.result()

    async def _ended(self, task: asyncio.Task[None]) -> None:
        if not self.is_stopping:
            self._refuses_all = True
        self._ends = True
        self.nudge()
        try:
            await asyncio.wait({task}, timeout=_LONGEST_END)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # was told by `over`

    async def _run(self, started: asyncio.Future[None]) -> None:
        try:
            async with self._open_channel() as channel:
                self._say_where(channel)
                started.set_result(None)
                while not self._ends:
                    await self._step(channel)
                await self._look_for_the_last(channel)
                await channel.farewell([(to, [reply]) for to, reply in self._to_send])
                self._to_send.clear()
                # Closing may take as long as a reply lingers: nobody waits for that.
                self._over(None)
        except LinkError as error:
            told = SourceError(str(error))
            self._over(told)
            raise told from error
        except BaseException as error:
            self._over(error if isinstance(error, Exception) else None)
            raise

    async def _step(self, channel: Channel) -> None:
        self._nudged.clear()
        await self._send_replies(channel)
        if self._nudged.is_set():
            return
        if not self._inbox.has_room:
            await self._nudged.wait()
            return
        try:
            async with asyncio.timeout(None) as self._waiting:
                received = await channel.receive()
        except TimeoutError:
            return
        finally:
            self._waiting = None
        self._take(received)

    async def _look_for_the_last(self, channel: Channel) -> None:
        if not self._refuses_all or self._replies.are_awaited:
            await self._take_the_last(channel)
        if self._refuses_all:
            for arrival in self._inbox.give_up_held():
                self._refuse(arrival.received, Refused(STOPPING))
        else:
            self._inbox.accept_all_held()

    async def _take_the_last(self, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        until, since = loop.time() + _LAST_LOOK, self._clock() - _ACTIVE
        active = {sender for sender, heard in self._active.items() if heard > since}
        active -= {_identity(held.received) for held in self._inbox.held()}
        active -= {_identity(received) for received, _ in self._to_send}
        while (left := until - loop.time()) > 0:
            if self._is_full_at_stop and not self._replies.are_awaited:
                return
            try:
                async with asyncio.timeout(left if active else min(left, _QUIET)):
                    received = await channel.receive()
            except TimeoutError:
                return
            active.discard(_identity(received))
            self._take(received)

    @property
    def _is_full_at_stop(self) -> bool:
        return self._inbox.nbytes >= self._most_at_stop

    def _take(self, received: Received) -> None:
        self._note_active(received)
        sender = ""
        try:
            said = read_message(
                received.parts,
                max_pixels=self._options.max_pixels,
                order=self._options.order,
            )
            if isinstance(said, Message):
                sender = said.origin.sender
                self._put(said, received)
                return
        except Refused as error:
            self._refuse(received, error, sender=sender)
            return
        if isinstance(said, Goodbye):
            self._log.debug("sender says goodbye", peer=received.peer or None)
        if self._replies.waits(said):
            self._to_send.append((received, self._replies.accepted(b"")))

    def _put(self, message: Message, received: Received) -> None:
        if self._refuses_all or (self._ends and self._is_full_at_stop):
            raise Refused(STOPPING)
        feed = self._place(message)
        sender = _identity(received)
        if sender and any(_identity(held.received) == sender for held in feed.held()):
            raise Refused(IMPATIENT, "its frame before is held back")
        self._introductions.note(message, peer=received.peer)
        self._inbox.put(feed.lane, Arrival(feed, message, received), message.nbytes)

    def _accepted(self, arrival: Arrival) -> None:
        arrival.offered = self._clock()
        if self._replies.waits(arrival.message):
            reply = self._replies.accepted(arrival.feed.statistics)
            self._to_send.append((arrival.received, reply))

    def _refuse(self, received: Received, error: Refused, *, sender: str = "") -> None:
        self._refusals.note(error, peer=received.peer, sender=sender)
        if self._replies.waits_refused(received.parts):
            self._to_send.append((received, self._replies.refused(error)))

    async def _send_replies(self, channel: Channel) -> None:
        while self._to_send:
            received, reply = self._to_send.popleft()
            if not await channel.reply(received, [reply]):
                self._log.debug("sender is gone before its reply", peer=received.peer)

    def _say_totals(self) -> None:
        self._log.info(
            "feed closed",
            accepted=self._inbox.arrived,
            dropped=self._inbox.dropped,
            refused=dict(self._refusals.by_reason),
        )

    def _note_active(self, received: Received) -> None:
        sender = _identity(received)
        if not sender:
            return
        self._active.pop(sender, None)
        self._active[sender] = self._clock()
        if len(self._active) > _MOST_ACTIVE:
            del self._active[next(iter(self._active))]

    def _say_where(self, channel: Channel) -> None:
        options = self._options
        self.endpoints = channel.endpoints or options.endpoints
        self._log.info(
            "connected to senders" if options.connect else "listening",
            endpoints=self.endpoints,
            pattern=options.pattern,
        )


def _identity(received: Received) -> bytes:
    """Return what a router calls the sender; empty where there is no router."""
    return received.envelope[0] if received.envelope else b""
