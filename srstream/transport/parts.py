"""Messages through a socket at once or not at all, and what of a message is kept."""

from __future__ import annotations

from collections.abc import Sequence

import zmq

from srstream.transport.contracts import MOST_PARTS, Kind, Part, Received

_MOST_ROUTING = 8
"""Parts before the empty one: identities and numbers of requests."""
_LONGEST_ROUTING = 255
"""Bytes of each: what is longer is none."""
_PARTS_AT_ONCE = 500
"""About a millisecond: a message of three megabytes may have a million parts."""


def most_parts(kind: Kind) -> int:
    """Return how many parts of a message are kept, the envelope of a router counted."""
    return MOST_PARTS + (_MOST_ROUTING if kind == "router" else 0)


class Intake:
    """Takes the messages of one socket."""

    def __init__(self, socket: zmq.Socket[bytes], most: int) -> None:
        """Keep so many parts of each message."""
        self._socket = socket
        self._most = most
        self._frames: list[zmq.Frame] = []
        """Of a message that is not yet taken whole."""

    def take(self) -> list[zmq.Frame] | None:
        """Take a message, and return what is kept of it.

        None when it has so many parts that others should have their turn first: call again.

        Raises:
            zmq.Again: there is none.
        """
        for _ in range(_PARTS_AT_ONCE):
            frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            if len(self._frames) < self._most:
                self._frames.append(frame)
            if not frame.more:
                frames, self._frames = self._frames, []
                return frames
        return None


def put(socket: zmq.Socket[bytes], parts: Sequence[Part | zmq.Frame]) -> bool:
    """Send now; false where there is no place, or of a router no such peer."""
    try:
        socket.send_multipart(parts, zmq.NOBLOCK, copy=False)
    except zmq.Again:
        return False
    except zmq.ZMQError as error:
        if error.errno != zmq.EHOSTUNREACH:
            raise
        return False
    return True


def received(kind: Kind, frames: Sequence[zmq.Frame], peer: str) -> Received:
    """Return a message with its envelope apart.

    Args:
        kind: of the socket that received it.
        frames: all that is kept of it.
        peer: who sent it.
    """
    start = routing(frames) if kind == "router" else 0
    return Received(
        peer,
        tuple(frame.bytes for frame in frames[:start]),
        tuple(frame.buffer for frame in frames[start : start + MOST_PARTS]),
    )


def routing(frames: Sequence[zmq.Frame]) -> int:
    """Return how many parts are the envelope: up to the empty one, or the identity."""
    for index, frame in enumerate(frames[1 : 1 + _MOST_ROUTING], 1):
        if not len(frame):
            return index + 1
        if len(frame) > _LONGEST_ROUTING:
            break
    return 1


def peer_of(frame: zmq.Frame) -> str:
    """Return the address of who sent a part; of a local one its process."""
    try:
        told = str(frame.get("Peer-Address"))
    except zmq.ZMQError:
        return ""
    host, *process = told.split(":")
    if host == "localhost" and len(process) == 3:
        return f"pid {process[-1]}"
    return told
