"""Frames from sockets of ZeroMQ, all in one stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from structlog.typing import FilteringBoundLogger

from srstream.frames import Upscaled
from srstream.ports import Packet, StreamContext
from srstream.sources.lane_feed import LaneFeed
from srstream.sources.listening import Listener, OpenChannel
from srstream.sources.zmq_options import ZmqOptions


class ZmqSource:
    """Offers the frames of all senders, in the order in which they were accepted."""

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
            context: the stream's.
            open_channel: opens the socket; none: as the options say.
        """
        log: FilteringBoundLogger = structlog.get_logger().bind(stream=context.stream)
        self._listener = Listener(
            options,
            context,
            place=lambda _: self._feed,
            over=self._end,
            log=log,
            open_channel=open_channel,
        )
        self._feed = LaneFeed(
            self._listener.lanes, log=log, on_stop=lambda _: self._listener.stop()
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it listens in fact; empty before `open`."""
        return self._listener.endpoints

    @property
    def arrived(self) -> int:
        """How many frames were accepted."""
        return self._feed.arrived

    @property
    def backlog(self) -> int:
        """How many of them wait."""
        return self._feed.backlog

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        """Listen. The iterator ends after `stop`, when all that was accepted is taken.

        Raises:
            SourceError: there is nothing to listen to.
        """
        self._feed.begin()
        async with self._feed.open() as packets, self._listener.listening():
            yield packets

    def stop(self) -> None:
        """Accept what is queued, and then no more."""
        self._feed.stop()

    def published(self, item: Upscaled) -> None:
        """Be told of a frame that is published, with its statistics."""
        self._feed.published(item)

    def _end(self, error: Exception | None) -> None:
        self._feed.end(error)
