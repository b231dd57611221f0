"""A socket of this process, as a `Channel`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import zmq

from srstream.transport.contracts import Kind, Part, Received
from srstream.transport.parts import Intake, most_parts, peer_of, put, received
from srstream.transport.readiness import Readiness


class DirectChannel:
    """A socket on the event loop; see `Channel`."""

    def __init__(
        self, kind: Kind, socket: zmq.Socket[bytes], *, linger: float = 0.0
    ) -> None:
        """Take a socket that is made, but neither bound nor connected yet.

        Args:
            kind: of socket.
            socket: to be closed by `close`.
            linger: seconds that what is on its way has when it is closed.
        """
        self._kind = kind
        self._socket = socket
        self._linger = round(linger * 1000)
        self._ready = Readiness(socket)
        self._intake = Intake(socket, most_parts(kind))
        self.endpoints: tuple[str, ...] = ()
        """Where it is bound."""

    async def receive(self) -> Received:
        """Return the next message; see `Channel`."""
        await asyncio.sleep(0)
        while True:
            try:
                frames = self._intake.take()
            except zmq.Again:
                await self._ready.until(zmq.POLLIN)
                continue
            if frames is None:
                await asyncio.sleep(0)
                continue
            self._ready.look()
            return received(self._kind, frames, peer_of(frames[-1]))

    async def send(self, parts: Sequence[Part], *, within: float | None = None) -> bool:
        """Send a message; see `Channel`."""
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(within if within != 0 else None):
                while not self._put(parts):
                    if within == 0:
                        return False
                    await self._ready.until(zmq.POLLOUT)
        except TimeoutError:
            return False
        return True

    async def reply(self, to: Received, parts: Sequence[Part]) -> bool:
        """Answer a message; see `Channel`."""
        return self._put([*to.envelope, *parts])

    async def farewell(self, replies: Sequence[tuple[Received, Sequence[Part]]]) -> None:
        """Answer for the last time, and close the socket; see `Channel`."""
        for to, parts in replies:
            put(self._socket, [*to.envelope, *parts])
        self.close()

    def _put(self, parts: Sequence[Part]) -> bool:
        try:
            return put(self._socket, parts)
        finally:
            self._ready.look()

    def close(self) -> None:
        """Close the socket, unless it is closed already."""
        if not self._socket.closed:
            self._ready.close()
            self._socket.close(linger=self._linger)
