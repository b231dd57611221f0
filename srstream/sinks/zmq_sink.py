"""Frames and their statistics to sockets: to all, to one each, or to an ImageHub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import structlog

from srstream.errors import LinkError, SinkError, SinkUnavailable
from srstream.frames import Origin, Pixels, Upscaled
from srstream.media.encode import jpeg_losses
from srstream.ownthread import OwnThread
from srstream.ports import StreamContext
from srstream.sinks.stats_line import stats_of
from srstream.sinks.zmq_options import ZmqSinkOptions
from srstream.sinks.zmq_socket import KeptOpen
from srstream.sinks.zmq_water import LEAST, HighWater
from srstream.transport.channel import Channel, opened
from srstream.transport.endpoints import read_endpoint
from srstream.wire.outgoing import (
    Part,
    Published,
    imagezmq_message,
    native_message,
    native_statistics,
    nbytes_of,
    topic,
)

_TAKEN_WITHIN = 5.0
_ANSWERED_WITHIN, _ANSWERED_AT_LAST = 5.0, 60.0
"""Seconds for a receiver to have room, and for a hub to reply: twice as long after each
time that it did not, since one that is only slow would get the same frame for ever."""
_LINGER = {"pub": 2.0, "push": 60.0, "req": 0.0}
"""Seconds for the last frames to go, if nobody is in a hurry. Nobody is promised those of
pub; what a hub did not reply to is sent again, and must not come out late, too."""

_RELEASED_WITHIN, _PAUSE = 1.0, 0.01
"""Seconds until an endpoint can be bound again after its socket was closed, and between
attempts."""
_BACK_WITHIN = 0.3
"""Seconds that subscribers have to come back to a new socket: ZeroMQ connects after 0.1 to
0.2 s, and subscribes when a message is asked for. What is sent before is lost to them."""
_MAX_BYTES = 65_536
"""Of what the other side says: a subscription, a reply."""


class ZmqSink:
    """Sends frames in order, to the receivers that are there.

    pub: never waits for receivers; but when frames become too large for as many to wait
    as the socket was opened for, another takes its place. No mark is changed on a socket
    in use: libzmq 4.3.5 crashes if a peer leaves in that moment.
    push: waits for room at one receiver; nothing is sent twice.
    req: waits for the reply; without one the frame is sent again, so at least once.
    """

    reports = False
    lasting = False

    def __init__(
        self,
        options: ZmqSinkOptions,
        context: StreamContext,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        open_channel: Callable[..., AbstractAsyncContextManager[Channel]] = opened,
        taken_within: float = _TAKEN_WITHIN,
        answered_within: float = _ANSWERED_WITHIN,
    ) -> None:
        """Put the parts together; nothing is opened.

        Args:
            options: of the configuration.
            context: the stream's.
            now: the time of day.
            open_channel: as `transport.channel.opened`.
            taken_within: seconds that a receiver has to make room.
            answered_within: seconds that a hub has to reply.
        """
        self._options = options
        self._payload = options.encoding()
        self._link = options.link(context.base)
        self._where = ", ".join(options.endpoints)
        self._run = context.run
        self._now = now
        self._open_channel = open_channel
        self._taken_within = taken_within
        self._answered_within = answered_within
        self._patience = answered_within
        """With the next reply."""
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger().bind(
            stream=context.stream
        )
        self._said: set[str] = set()
        self._current: Channel | None = None
        self._water = HighWater(options.budget_mb * 1_000_000)
        self._is_replaced = False
        """Whether subscribers are not back yet."""
        self._socket = KeptOpen(self._make)
        self._thread = OwnThread(f"srstream-zmq-{context.stream}")

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it is bound in fact, once it was; else where it is to connect or bind."""
        bound = () if self._current is None else self._current.endpoints
        return bound or self._options.endpoints

    async def open(self) -> None:
        """Bind or connect.

        Raises:
            SinkUnavailable: that is not possible now; each write tries anew.
        """
        await self._channel()

    async def write(self, item: Upscaled) -> None:
        """Send one frame.

        Raises:
            SinkUnavailable: there is no socket, no receiver with room, or no reply.
            SinkError: the encoding cannot hold the frame.
        """
        channel = await self._channel()
        said = self._said_of(item)
        message = await self._encoded(item, said)
        if self._options.pattern == "pub":
            channel = await self._fitting(channel, sum(map(nbytes_of, message)))
            await self._publish(channel, message, said)
        elif self._options.pattern == "push":
            await self._push(channel, message)
        else:
            await self._ask(channel, message)
        if self._options.payload == "jpeg":
            self._say_losses(item)

    async def close(self) -> None:
        """Close the socket, when receivers took what waits for them or time is up."""
        try:
            await self._socket.close()
        except LinkError as error:
            raise SinkError(str(error)) from error
        finally:
            self._thread.close()

    def _make(self) -> AbstractAsyncContextManager[Channel]:
        return self._open_channel(
            self._options.pattern,
            self._link,
            # Who waits for a place needs no more; who does not would lose frames.
            hold=self._water.messages if self._options.pattern == "pub" else LEAST,
            max_bytes=_MAX_BYTES,
            log=self._log,
            linger=_LINGER[self._options.pattern],
        )

    async def _channel(self) -> Channel:
        try:
            channel = await self._socket.channel()
        except LinkError as error:
            raise SinkUnavailable(str(error)) from error
        is_first, self._current = self._current is None, channel
        if is_first:
            self._log.info(
                "frames go out",
                pattern=self._options.pattern,
                format=self._options.format,
                endpoints=self.endpoints,
            )
        return channel

    async def _fitting(self, channel: Channel, nbytes: int) -> Channel:
        """Return a channel where as many such messages may wait as the budget holds."""
        if self._water.falls_for(nbytes):
            self._is_replaced = True
            if channel.endpoints:
                bound = tuple(map(read_endpoint, channel.endpoints))
                self._link = replace(self._link, endpoints=bound)
                self._socket.let_go()
            else:
                await self._socket.close()  # what waits there must not be overtaken
            self._log.info("larger frames", may_wait=self._water.messages)
        if self._is_replaced:
            channel = await self._opened_again()
            await asyncio.sleep(_BACK_WITHIN)
            self._is_replaced = False
        return channel

    async def _opened_again(self) -> Channel:
        loop = asyncio.get_running_loop()
        until = loop.time() + _RELEASED_WITHIN
        while True:
            try:
                return await self._channel()
            except SinkUnavailable:
                if loop.time() >= until:
                    raise
                await asyncio.sleep(_PAUSE)

    async def _publish(
        self, channel: Channel, message: list[Part], said: Published
    ) -> None:
        if self._options.format == "imagezmq":
            await channel.send(message, within=0)
            return
        await channel.send([topic(said.stream, "frame"), *message], within=0)
        statistics = native_statistics(said)
        await channel.send([topic(said.stream, "stats"), *statistics], within=0)

    async def _push(self, channel: Channel, message: list[Part]) -> None:
        if not await channel.send(message, within=self._taken_within):
            raise SinkUnavailable(f"no receiver takes frames at {self._where}: start one")

    async def _ask(self, channel: Channel, message: list[Part]) -> None:
        loop, is_answered = asyncio.get_running_loop(), False
        asked, patience = loop.time(), self._patience
        try:
            async with asyncio.timeout(patience):
                await channel.send(message)
                await channel.receive()
            is_answered = True
            self._be_patient(2.0 * (loop.time() - asked))
        except TimeoutError as error:
            self._be_patient(2.0 * patience)
            raise SinkUnavailable(
                f"no reply from {self._where} within {patience:g} s: start a hub there"
            ) from error
        finally:
            if not is_answered:
                # A late reply would pass for that of the next frame.
                await self._socket.close()

    def _be_patient(self, seconds: float) -> None:
        longest = max(self._answered_within, _ANSWERED_AT_LAST)
        self._patience = min(max(self._answered_within, seconds), longest)

    def _said_of(self, item: Upscaled) -> Published:
        frame = item.frame
        return Published(
            stream=frame.id.stream,
            seq=frame.id.seq,
            run=self._run,
            scale=item.stats.scale,
            origin=frame.origin or Origin(),
            stats=stats_of(item, run=self._run, time=self._now()),
        )

    async def _encoded(self, item: Upscaled, said: Published) -> list[Part]:
        encode = partial(self._encode, item.pixels, said)
        return encode() if self._is_cheap(item.pixels) else await self._thread.run(encode)

    def _is_cheap(self, pixels: Pixels) -> bool:
        """Tell whether the message is a view of the pixels."""
        options = self._options
        as_they_are = options.format == "native" and options.payload == "raw"
        return as_they_are and pixels.flags.c_contiguous

    def _encode(self, pixels: Pixels, said: Published) -> list[Part]:
        make = native_message if self._options.format == "native" else imagezmq_message
        try:
            return make(pixels, said, self._payload)
        except MemoryError as error:
            height, width = pixels.shape[:2]
            raise SinkError(
                f"not enough memory to encode {width}x{height} pixels"
            ) from error

    def _say_losses(self, item: Upscaled) -> None:
        losses = [loss for loss in jpeg_losses(item.pixels) if loss not in self._said]
        if losses:
            self._said.update(losses)
            self._log.warning(
                "jpeg does not hold all of the picture",
                lost=losses,
                source=item.frame.id.source,
            )
