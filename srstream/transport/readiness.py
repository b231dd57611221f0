"""When a socket of ZeroMQ can be read or written, on the event loop.

The sockets of `zmq.asyncio` receive on their own and hand the message to a future: if the
task that waits for it is cancelled in that moment, the message is lost. Here a task only
waits until there is something, and receives it itself.
"""

from __future__ import annotations

import asyncio

import zmq


class Readiness:
    """Tells when a socket is ready. Needs to be told of each use of the socket."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._handle: int = socket.FD
        self._loop.add_reader(self._handle, self.look)

    async def until(self, events: int) -> None:
        """Return when one of `zmq.POLLIN`, `zmq.POLLOUT` holds; another may come first."""
        if self._events() & events:
            return
        entry = (events, self._loop.create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        finally:
            self._waiting.remove(entry)

    def look(self) -> None:
        """Wake all for whom the socket is ready. To be called after each use of it.

        The handle tells of changes only, and each use of the socket takes them away.
        """
        events = self._events()
        for wanted, future in self._waiting:
            if events & wanted and not future.done():
                future.set_result(None)

    def _events(self) -> int:
        return int(self._socket.getsockopt(zmq.EVENTS))  # as `EVENTS` in half of the time

    def close(self) -> None:
        """Look no more, and cancel those who wait; to be called before the socket's."""
        self._loop.remove_reader(self._handle)
        for _, future in self._waiting:
            future.cancel()
