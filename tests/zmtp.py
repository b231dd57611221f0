"""A peer that speaks ZMTP by hand, and need not keep to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
MORE = 1
COMMAND = 4


def frame(body: bytes, flags: int = 0) -> bytes:
    """Return a part of less than 256 bytes, as it goes over the wire."""
    return bytes([flags, len(body)]) + body


def ready(kind: bytes) -> bytes:
    """Return the end of the handshake of a peer with this type of socket."""
    name = b"Socket-Type"
    value = bytes([len(name)]) + name + len(kind).to_bytes(4) + kind
    return frame(b"\x05READY" + value, COMMAND)


@contextmanager
def raw(endpoint: str) -> Iterator[socket.socket]:
    """Connect by TCP."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection


def flood(endpoint: str, most: int) -> int:
    """Send parts of a message that never ends, until this many bytes or cut off.

    Returns:
        How many bytes of it were sent; none where the handshake failed.
    """
    parts = frame(b"x" * 200, MORE) * 5_000
    sent = 0
    with raw(endpoint) as connection:
        try:
            connection.sendall(_GREETING)
            came = b""
            while b"READY" not in came:
                more = connection.recv(4096)
                if not more:
                    return 0
                came += more
            connection.sendall(ready(b"PUSH"))
            while sent < most:
                connection.sendall(parts)
                sent += len(parts)
        except OSError:
            pass
    return sent
