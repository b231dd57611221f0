"""A service manager to be told things: the socket of sd_notify."""

from __future__ import annotations

import socket
from pathlib import Path


class Manager:
    """Listens on a socket, at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        """Listen again, after `close`."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        self.path.unlink()

    def heard(self) -> list[dict[str, str]]:
        """Return what was told since the last call, a datagram each."""
        told = []
        while True:
            try:
                datagram = self._socket.recv(10_000, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return told
            lines = datagram.decode().splitlines()
            told.append(dict(line.split("=", 1) for line in lines))
