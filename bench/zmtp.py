"""What goes over a TCP connection of ZeroMQ, byte by byte, so that it may be wrong.

ZMTP 3: a greeting of 64 bytes, a command that says which socket one is, then frames.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bench.endpoints import address_of

_MORE, _LONG, _COMMAND = 1, 2, 4
"""Flags of a frame."""


def greeting(mechanism: bytes = b"NULL", *, version: bytes = b"\x03\x00") -> bytes:
    """Return the first 64 bytes."""
    signature = b"\xff" + bytes(8) + b"\x7f"
    return signature + version + mechanism.ljust(20, b"\0") + bytes(32)


def ready(kind: bytes = b"DEALER") -> bytes:
    """Return the command that follows the greetings where nothing is encrypted."""
    told = {b"Socket-Type": kind, b"Identity": b""}
    body = b"\x05READY" + b"".join(
        bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
        for name, value in told.items()
    )
    return bytes([_COMMAND, len(body)]) + body


def part(data: bytes, *, more: bool = False, length: int | None = None) -> bytes:
    """Return a frame; it may claim another length than it has."""
    claimed = len(data) if length is None else length
    flags = _MORE * more
    if claimed > 255:
        return struct.pack(">BQ", flags | _LONG, claimed) + data
    return bytes([flags, claimed]) + data


@contextmanager
def connected(endpoint: str, *, patience: float = 5.0) -> Iterator[socket.socket]:
    """Connect to an endpoint of TCP, and speak for oneself."""
    with socket.create_connection(address_of(endpoint), timeout=patience) as plain:
        yield plain


def shake_hands(plain: socket.socket, kind: bytes = b"DEALER") -> None:
    """Come so far that frames may be sent, in plaintext.

    Raises:
        OSError: the other side does not want to.
    """
    plain.sendall(greeting() + ready(kind))
    _receive(plain, len(greeting()))
    _, length = _receive(plain, 2)
    _receive(plain, length)


def _receive(plain: socket.socket, nbytes: int) -> bytes:
    data = b""
    while len(data) < nbytes:
        some = plain.recv(nbytes - len(data))
        if not some:
            raise ConnectionResetError("cut off")
        data += some
    return data


def strange_start(draw: np.random.Generator) -> bytes:
    """Return what a peer may begin with that speaks no ZeroMQ, or not to its end."""
    noise = draw.bytes(int(draw.integers(1, 2_000)))
    hello = greeting() + ready()
    broken = bytearray(hello)
    for _ in range(3):
        broken[draw.integers(len(broken))] = draw.integers(256)
    kinds = (
        noise,
        b"GET / HTTP/1.1\r\nHost: camera\r\n\r\n",
        greeting()[: draw.integers(64)],
        greeting() + noise,
        greeting(b"CURVE") + noise,
        greeting(b"PLAIN") + part(noise),
        greeting(version=b"\x01\x00") + noise,
        hello[: draw.integers(len(hello))],
        hello + part(noise),
        bytes(broken),
        greeting() + ready(b"PUB"),
        greeting() + ready(b"NONSENSE"),
        greeting() + bytes([_COMMAND, 250]) + noise,
        greeting() + part(b"", length=1 << 60),
    )
    return kinds[int(draw.integers(len(kinds)))]


def strange_frames(draw: np.random.Generator) -> bytes:
    """Return what a peer may send, after a good start, that is no message of ours."""
    noise = draw.bytes(int(draw.integers(1, 2_000)))
    empty = part(b"", more=True)
    kinds = (
        noise,
        empty + part(noise, length=1 << 40),
        empty + part(b"{}", more=True) + part(b"", length=200),
        empty * 500,
        part(noise) * 20,
        empty + part(noise, more=True) + part(noise),
        empty + part(noise, more=True) * 30 + part(b""),
        bytes([_COMMAND | _MORE, 5]) + b"\x04PING",
        bytes([_COMMAND, 7]) + b"\x04PING\0\0" + part(noise),
        bytes([0xFF, 3]) + noise,
    )
    return kinds[int(draw.integers(len(kinds)))]
