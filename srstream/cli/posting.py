"""Hands messages to a receiver, one after the other, and minds whether it takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import Literal, TypeAlias

import structlog

from srstream.errors import LinkError
from srstream.sinks.zmq_socket import KeptOpen
from srstream.transport.channel import STOPPING, Channel, opened
from srstream.transport.link import Link
from srstream.wire.outgoing import Part

Pattern: TypeAlias = Literal["req", "push", "pub"]

SILENCE = 5.0
"""Seconds without an answer after which it is said."""
_SAID_AGAIN = 60.0
"""Seconds after which it is said again: a receiver that is slow is silent at each frame."""
RESENT, RESENT_AT_LAST = 30.0, 600.0
"""Seconds without an answer after which the frame is sent again. One that was killed in
between never answers; one that has no room yet does it late, and would get it twice. So it
is twice as long after each time: one that is slow would have ever more to do."""
_GOING = 0.2
"""Seconds until a receiver that said that it stops is gone."""
_SUBSCRIBED = 0.5
"""Seconds that subscribers have to find a publisher: what comes before is lost to them."""
_HOLD: dict[Pattern, int] = {"req": 4, "push": 4, "pub": 16}
"""Messages that wait for a receiver; what is published beyond them is lost."""
_LONGEST_REPLY = 1_000_000
_LINGER = 5.0
"""Seconds in which what waits at the end goes out, where no reply says that it did."""


class Post:
    """The way to the receiver; opens with the first message."""

    def __init__(
        self,
        pattern: Pattern,
        link: Link,
        *,
        limit: float | None,
        tell: Callable[[str], None],
        open_channel: Callable[..., AbstractAsyncContextManager[Channel]] = opened,
        silence: float = SILENCE,
        resent: float = RESENT,
    ) -> None:
        """Open nothing yet.

        Args:
            pattern: of the socket.
            link: how it is reached.
            limit: seconds in which a message must be taken; none: for ever.
            tell: shows a line to the operator.
            open_channel: as `transport.channel.opened`.
            silence: seconds without an answer after which it is said.
            resent: seconds without an answer after which a message is sent again.
        """
        self._pattern = pattern
        self._where = ", ".join(each.text for each in link.endpoints)
        self._limit = limit
        self._tell = tell
        self._silence = silence
        self._resent = resent
        self._patience = resent
        """With the next answer."""
        self._said: float | None = None
        self._socket = KeptOpen(partial(self._open, open_channel, link))

    async def open(self) -> None:
        """Bind or connect; a receiver need not be there.

        Raises:
            LinkError: it cannot be bound, or keys cannot be used.
        """
        await self._socket.channel()
        if self._pattern == "pub":
            await asyncio.sleep(_SUBSCRIBED)

    async def close(self) -> None:
        """Close it, when all that waits is out or some seconds are over."""
        await self._socket.close()

    async def deliver(self, parts: Sequence[Part]) -> bytes:
        """Hand over a message; return the reply, empty where there are none.

        Raises:
            LinkError: nobody took it within the limit, or the socket cannot be opened.
        """
        try:
            async with asyncio.timeout(self._limit):
                with self._minded():
                    return await self._take(parts)
        except TimeoutError as error:
            raise LinkError(
                f"{self._where}: no answer within {self._limit:g} s; is a receiver running "
                "there? (--timeout)"
            ) from error

    async def _take(self, parts: Sequence[Part]) -> bytes:
        if self._pattern == "req":
            return await self._ask(parts)
        channel = await self._socket.channel()
        await channel.send(parts, within=0 if self._pattern == "pub" else None)
        return b""

    async def _ask(self, parts: Sequence[Part]) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            channel = await self._socket.channel()
            asked = loop.time()
            try:
                async with asyncio.timeout(self._patience):
                    await channel.send(parts)
                    answer = await channel.receive()
                self._be_patient(2.0 * (loop.time() - asked))
                reply = bytes(answer.parts[0]) if answer.parts else b""
                if reply != STOPPING:
                    return reply
                # It is for whoever comes next.
                await self._socket.close()
                await asyncio.sleep(_GOING)
            except TimeoutError:
                self._be_patient(2.0 * self._patience)
                # A late reply would pass for that of the next frame: with a new socket
                # none comes.
                await self._socket.close()

    def _be_patient(self, seconds: float) -> None:
        self._patience = min(max(self._resent, seconds), RESENT_AT_LAST)

    @contextmanager
    def _minded(self) -> Iterator[None]:
        """Say it when nobody answers, and when somebody does again."""
        loop = asyncio.get_running_loop()
        said = False

        def say() -> None:
            nonlocal said
            if self._said is None or loop.time() >= self._said + _SAID_AGAIN:
                said, self._said = True, loop.time()
                self._tell(f"no answer from {self._where} yet; still trying")

        timer = loop.call_later(self._silence, say)
        try:
            yield
        finally:
            timer.cancel()
        if said:
            self._tell(f"{self._where} answers")

    def _open(
        self, open_channel: Callable[..., AbstractAsyncContextManager[Channel]], link: Link
    ) -> AbstractAsyncContextManager[Channel]:
        return open_channel(
            self._pattern,
            link,
            hold=_HOLD[self._pattern],
            max_bytes=_LONGEST_REPLY,
            log=structlog.get_logger(),
            linger=0.0 if self._pattern == "req" else _LINGER,
        )
