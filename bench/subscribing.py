"""A subscriber in a process of its own: `python -m bench.subscribing SETTINGS`.

It tells when its first frame came. One that is to stop then reads no more, until it is
told to go on; its socket takes one message, so that frames wait at the publisher. After
the last frame of a sender it tells the numbers of all that it got.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import zmq

from bench.children import Child, child, told
from bench.stage import STREAM
from bench.stamps import stamp_of

_NOTHING = 30.0
"""Seconds without a frame after which no more will come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """What it does."""

    endpoint: str
    stops: bool
    last_sender: int
    messages: int
    """Of the last sender; after these it ends."""


class Got(NamedTuple):
    """A frame that a subscriber got."""

    sender: int
    number: int
    """As the sender numbered it."""
    seq: int
    """As the publisher numbered it."""


@contextmanager
def subscribing(what: Subscribing, folder: Path) -> Iterator[Child]:
    """Run it."""
    folder.mkdir(parents=True, exist_ok=True)
    with child("subscribing", asdict(what), log=folder / "subscribing.log") as process:
        yield process


def got(process: Child, *, within: float) -> list[Got]:
    """Wait until it got the last frame; return all.

    Raises:
        ValueError: it did not get it.
    """
    return [Got(*each) for each in process.hear(within=within)["got"]]


def _main(what: Subscribing) -> None:
    socket = zmq.Context().socket(zmq.SUB)
    socket.set_hwm(1)
    socket.setsockopt(zmq.RCVTIMEO, int(1e3 * _NOTHING))
    socket.subscribe(f"{STREAM}/frame")
    socket.connect(what.endpoint)
    all_of_them = [_receive(socket)]
    told(says="joined")
    if what.stops:
        sys.stdin.readline()
    left = what.messages
    while left:
        frame = _receive(socket)
        all_of_them.append(frame)
        left -= frame.sender == what.last_sender
    told(got=all_of_them)


def _receive(socket: zmq.Socket[bytes]) -> Got:
    _, header, pixels = socket.recv_multipart(copy=False)
    stamp = stamp_of(pixels.buffer)
    if stamp is None:
        raise ValueError("a frame without a stamp")
    return Got(*stamp, json.loads(header.bytes)["seq"])


if __name__ == "__main__":
    _main(Subscribing(**json.loads(sys.argv[1])))
