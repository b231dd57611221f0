"""Receivers in a process of their own: `python -m bench.receiving SETTINGS`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import zmq

from bench.children import Child, child, told
from bench.stamps import Seen
from srstream.runtime.allocator import keep_freed_memory

_NOTHING = 20.0
"""Seconds without a message after which no more will come."""

Take = Callable[[], bytes | memoryview]
"""Receives a frame and returns its raw pixels; raises `zmq.Again` if none comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """What is received, and how."""

    kind: Literal["pull", "hub"]
    """`hub`: an unmodified ImageHub, which answers."""
    endpoint: str
    messages: int
    """With a stamp, after which it ends."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came."""

    frames: dict[str, int]
    """By the number of the sender."""
    out_of_turn: int
    strangers: int
    nbytes: int
    """Of the pixels of one frame, the last."""
    seconds: float
    """From the first frame to the last."""

    @property
    def total(self) -> int:
        """Frames with a stamp."""
        return sum(self.frames.values())

    @property
    def rate(self) -> float:
        """Frames per second."""
        return (self.total + self.strangers - 1) / self.seconds


@contextmanager
def receiving(what: Receiving, folder: Path) -> Iterator[Child]:
    """Run it; its one line is for `received`."""
    folder.mkdir(parents=True, exist_ok=True)
    with child("receiving", asdict(what), log=folder / "receiving.log") as process:
        process.hear(within=60.0)
        yield process


def received(process: Child, *, within: float) -> Received:
    """Wait until all came, or no more come.

    Raises:
        ValueError: the time is up, or fewer than two came.
    """
    return Received(**process.hear(within=within))


def _main(what: Receiving) -> None:
    keep_freed_memory()  # else every large message is faulted in anew
    take = {"pull": _pull, "hub": _hub}[what.kind](what.endpoint)
    told(says="listening")
    seen, moments, nbytes = Seen(), [0.0, 0.0], 0
    while seen.frames.total() < what.messages:
        try:
            pixels = take()
        except zmq.Again:
            break
        moments[1] = time.perf_counter()
        moments[0] = moments[0] or moments[1]
        nbytes = len(pixels)
        seen.note(pixels)
    if seen.frames.total() + seen.strangers < 2:
        raise ValueError("fewer than two frames came")
    told(
        frames=seen.frames,
        out_of_turn=seen.out_of_turn,
        strangers=seen.strangers,
        nbytes=nbytes,
        seconds=moments[1] - moments[0],
    )


def _pull(endpoint: str) -> Take:
    socket = zmq.Context().socket(zmq.PULL)
    socket.set_hwm(4)
    _be_patient(socket)
    socket.connect(endpoint)

    def take() -> memoryview:
        return socket.recv_multipart(copy=False)[-1].buffer

    return take


def _hub(endpoint: str) -> Take:
    hub: Any = import_module("imagezmq").ImageHub(open_port=endpoint)
    _be_patient(hub.zmq_socket)

    def take() -> memoryview:
        _, image = hub.recv_image()
        hub.send_reply(b"OK")
        return memoryview(image).cast("B")

    return take


def _be_patient(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.RCVTIMEO, int(1e3 * _NOTHING))


if __name__ == "__main__":
    _main(Receiving(**json.loads(sys.argv[1])))
