"""Frames from sockets of ZeroMQ, a stream for each sender."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from structlog.typing import FilteringBoundLogger

from srstream.errors import Refused
from srstream.ports import Sender, StreamContext
from srstream.sources.admission import Admission
from srstream.sources.lane_feed import LaneContext, LaneFeed
from srstream.sources.listening import STOPPING, Listener, OpenChannel
from srstream.sources.offers import Offers
from srstream.sources.sender_ids import sender_id
from srstream.sources.zmq_options import ZmqOptions
from srstream.wire.message import Message


class ZmqSenders:
    """Tells the senders apart by what they call themselves, and offers each of them."""

    def __init__(
        self,
        options: ZmqOptions,
        context: StreamContext,
        *,
        open_channel: OpenChannel | None = None,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            options: of the configuration.
            context: of what the senders have in common.
            open_channel: opens the socket; none: as the options say.
        """
        self._log: FilteringBoundLogger = structlog.get_logger().bind(stream=context.stream)
        self._listener = Listener(
            options,
            context,
            place=self._place,
            over=self._end,
            log=self._log,
            open_channel=open_channel,
        )
        self._admission = Admission(options.max_senders)
        self._senders: dict[str, _Sender] = {}
        self._new: deque[Sender] = deque()
        self._changed = asyncio.Event()
        self._is_over = False
        self._error: Exception | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it listens in fact; empty before `open`."""
        return self._listener.endpoints

    @property
    def arrived(self) -> int:
        """How many frames were accepted."""
        return self._listener.arrived

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Sender]]:
        """Listen. Yields each new sender; ends after `stop`.

        Raises:
            SourceError: there is nothing to listen to.
        """
        self._is_over = False
        self._error = None
        for sender in self._senders.values():
            sender.begin()
        async with self._listener.listening():
            yield Offers(self._next, self._changed, self._has_ended)

    def stop(self) -> None:
        """Accept what is queued, and then no more, from none of the senders."""
        self._listener.stop()

    def _next(self) -> Sender | None:
        return self._new.popleft() if self._new else None

    def _has_ended(self) -> bool:
        if self._error is not None:
            raise self._error
        return self._is_over

    def _place(self, message: Message) -> LaneFeed:
        name = sender_id(message.origin.sender)
        if self._listener.is_stopping and name not in self._senders:
            raise Refused(STOPPING)
        if self._admission.admit(name):
            self._add(name)
        sender = self._senders[name]
        if sender.is_over:
            raise Refused(STOPPING)
        return sender

    def _add(self, name: str) -> None:
        sender = _Sender(
            name,
            self._listener.lanes,
            log=self._log.bind(sender=name),
            on_stop=self._stop_one,
            on_retire=self._retire,
        )
        self._senders[name] = sender
        self._new.append(sender)
        self._changed.set()

    def _stop_one(self, sender: LaneFeed) -> None:
        # While all are stopped, frames that are queued are still accepted.
        if not self._listener.is_stopping:
            sender.end()
            self._listener.nudge()

    def _retire(self, sender: _Sender) -> None:
        del self._senders[sender.id]
        self._admission.forget(sender.id)
        self._listener.lanes.inbox.remove(sender.lane)
        self._listener.nudge()

    def _end(self, error: Exception | None) -> None:
        for sender in self._senders.values():
            sender.end()
        self._is_over = True
        self._error = error
        self._changed.set()


class _Sender(LaneFeed):
    """The frames of one sender; see `ports.Sender`."""

    def __init__(
        self,
        name: str,
        context: LaneContext,
        *,
        log: FilteringBoundLogger,
        on_stop: Callable[[LaneFeed], None],
        on_retire: Callable[[_Sender], None],
    ) -> None:
        super().__init__(context, log=log, on_stop=on_stop)
        self.id = name
        self._on_retire = on_retire
        self._is_retired = False

    def retire(self) -> bool:
        """Give it up, if nothing of it waits or is out."""
        if not self.is_idle:
            return False
        self.end()
        if not self._is_retired:
            self._is_retired = True
            self._on_retire(self)
        return True
