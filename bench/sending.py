"""Senders in a process of their own: `python -m bench.sending SETTINGS`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Literal

import zmq

from bench.children import Child, child, told
from bench.stamps import Frames
from srstream.runtime.allocator import keep_freed_memory
from srstream.wire.outgoing import Part, Payload, Published, native_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is sent, and how."""

    kind: Literal["push", "req", "imagezmq"]
    """`req`: several of them, native messages; `imagezmq`: one unmodified ImageSender."""
    endpoint: str
    messages: int
    """Of all senders together; 0: without end."""
    width: int
    height: int
    senders: int = 1
    """Of `req`."""
    first: int = 0
    """Number of the first sender; the others' follow."""
    gap: float = 0.0
    """Seconds of pause before the next frame."""
    tells: bool = False
    """Tells the number of replies after each."""


@contextmanager
def sending(what: Sending, folder: Path) -> Iterator[Child]:
    """Run it; it tells one line more when all is sent, and answered."""
    folder.mkdir(parents=True, exist_ok=True)
    with child("sending", asdict(what), log=folder / "sending.log") as process:
        yield process


def _main(what: Sending) -> None:
    keep_freed_memory()  # else every large message is faulted in anew
    {"push": _push, "req": _req, "imagezmq": _imagezmq}[what.kind](what)
    told(sent=what.messages)


def _push(what: Sending) -> None:
    frames = Frames(what.width, what.height, sender=what.first)
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.set_hwm(4)
        socket.connect(what.endpoint)
        for number in _numbers(what):
            socket.send_multipart(_message(frames, number), copy=False)


def _req(what: Sending) -> None:
    with zmq.Context() as context:
        poller, lanes = zmq.Poller(), {}
        for sender in range(what.first, what.first + what.senders):
            socket = context.socket(zmq.REQ)
            socket.connect(what.endpoint)
            poller.register(socket, zmq.POLLIN)
            lanes[socket] = Frames(what.width, what.height, sender=sender), count()
        free, answered = list(lanes), 0
        for _ in _numbers(what):
            while not free:
                answered += _answered(poller, free, what, answered)
            socket = free.pop(0)
            frames, numbers = lanes[socket]
            socket.send_multipart(_message(frames, next(numbers)), copy=False)
        while len(free) < len(lanes):
            answered += _answered(poller, free, what, answered)
        for socket in lanes:
            socket.close()


def _answered(
    poller: zmq.Poller, free: list[zmq.Socket[bytes]], what: Sending, before: int
) -> int:
    """Wait for answers; return how many came."""
    ready = poller.poll()
    for number, (socket, _) in enumerate(ready, before + 1):
        socket.recv()
        free.append(socket)
        if what.tells:
            told(answered=number)
    return len(ready)


def _imagezmq(what: Sending) -> None:
    sender = import_module("imagezmq").ImageSender(connect_to=what.endpoint)
    frames = Frames(what.width, what.height, sender=what.first)
    for number in _numbers(what):
        sender.send_image("bench", frames[number])
        if what.tells:
            told(answered=number + 1)
    sender.close()


def _message(frames: Frames, number: int) -> list[Part]:
    said = Published(stream="bench", seq=number + 1)
    return native_message(frames[number], said, Payload())


def _numbers(what: Sending) -> Iterator[int]:
    """Give 0, 1 and so on, with a pause in between."""
    for number in count() if what.messages == 0 else range(what.messages):
        if number and what.gap:
            time.sleep(what.gap)
        yield number


if __name__ == "__main__":
    _main(Sending(**json.loads(sys.argv[1])))
