"""A flood of parts without end, and a good sender beside it that tries again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import zmq
from zmq import auth

from bench.stamps import Frames
from bench.zmtp import connected, greeting, part, shake_hands
from srstream.wire.outgoing import Payload, Published, native_message

_ANSWER = 0.4
"""Seconds that the good sender waits for an answer before it connects anew."""
_GAP = 0.02


class Flood(threading.Thread):
    """Sends messages that are never finished, one connection after the other.

    Every second one pretends to have keys.
    """

    def __init__(self, endpoint: str, *, floods: int, parts: int, part_bytes: int) -> None:
        super().__init__(daemon=True)
        self.sent_mb: list[float] = []
        """By connection: until it was cut off, or all was sent."""
        self._endpoint = endpoint
        self._floods = floods
        self._parts = parts
        self._data = part(bytes(part_bytes), more=True)

    def run(self) -> None:
        for number in range(self._floods):
            sent = 0
            try:
                with connected(self._endpoint) as plain:
                    if number % 2:
                        plain.sendall(greeting(b"CURVE"))
                    else:
                        shake_hands(plain)
                    for _ in range(self._parts):
                        plain.sendall(self._data)
                        sent += len(self._data)
            except OSError:
                pass  # cut off, or nobody listens now
            self.sent_mb.append(sent / 1e6)
            time.sleep(_GAP)


@dataclass(slots=True)
class Probe:
    """A good REQ sender that gives up an answer after a while, and connects anew."""

    endpoint: str
    keys: Path | None = None
    """Folder of the client's key and the server's public key; none: plaintext."""
    answered: list[float] = field(default_factory=list)
    """When, by the monotonic clock."""
    unanswered: int = 0

    def go_on_while(self, condition: Callable[[], bool]) -> None:
        """Send again and again."""
        frames = Frames(64, 48, sender=0)
        number = 0
        with zmq.Context() as context:
            socket = self._connect(context)
            while condition():
                said = Published(stream="good", seq=number)
                message = native_message(frames[number], said, Payload())
                socket.send_multipart(message)
                number += 1
                if socket.poll(int(1e3 * _ANSWER)):
                    socket.recv()
                    self.answered.append(time.monotonic())
                else:
                    self.unanswered += 1
                    socket.close()
                    socket = self._connect(context)
                time.sleep(_GAP)
            socket.close()

    def _connect(self, context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
        socket = context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        if self.keys is not None:
            public, secret = auth.load_certificate(self.keys / "client.key_secret")
            server, _ = auth.load_certificate(self.keys / "server.key")
            socket.curve_publickey, socket.curve_secretkey = public, secret or b""
            socket.curve_serverkey = server
        socket.connect(self.endpoint)
        return socket


def longest_silence(answered: Sequence[float], *, start: float, end: float) -> float:
    """Return for how many seconds nobody was answered, at most.

    Args:
        answered: when somebody was.
        start: since when that counts.
        end: until when it was watched.
    """
    moments = [start, *(moment for moment in answered if start < moment < end), end]
    return max(after - before for before, after in pairwise(moments))
