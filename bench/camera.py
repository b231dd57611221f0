"""Sends frames and receives them, in one process: `python -m bench.camera SETTINGS`.

One process and one thread, so that one clock tells when a frame left and when it came back,
and so that it takes little of what srstream shall have: messages are made before, nothing
is copied, and what was received is looked at in the end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import zmq
from numpy.typing import NDArray

from bench.children import Child, child, told
from bench.moving import swinging
from srstream.frames import Pixels
from srstream.runtime.allocator import keep_freed_memory
from srstream.wire.outgoing import Part, Payload, Published, native_message

_HOLD = 4
"""Messages that wait in either socket."""
_NOTHING = 3.0
"""Seconds without a frame after the last was sent: no more will come."""
_SHORT, _SHORTEST = 0.1, 1e-3
"""Seconds: how long room is waited for at a time, and what a poll cannot wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filming:
    """What is sent and when."""

    to: str
    """The endpoint of srstream's source, which pulls."""
    back: str
    """That of its sink, which pushes."""
    frames: str
    """A file of numpy with frames [n, h, w, 3]."""
    results: str
    """A file where what was seen is written."""
    kept: str
    """A file of numpy where the frames that were kept are written."""
    fps: float
    """Frames that are due each second; 0: as soon as fewer than `in_flight` are out."""
    in_flight: int
    """For `fps` 0."""
    warm_up: float
    """Seconds before the window that counts."""
    seconds: float
    """Of the window."""
    keep: int
    """Frames of the window that are kept, evenly spread."""


@dataclass(slots=True)
class Seen:
    """What became of each frame that was sent. Moments are those of `time.monotonic`."""

    due: list[float]
    """When each was to be sent; the first has number 1."""
    sent: list[float]
    received: list[tuple[float, str]]
    """When a frame came back, and its header."""
    kept: list[int]
    """Which of `received` were kept."""
    window: tuple[float, float]
    """From when to when it counts, by `due`."""
    cpu: float
    """Seconds that this process took in the window."""


@contextmanager
def filming(what: Filming, log: Path) -> Iterator[Child]:
    """Run it; it tells when the window begins and ends, and when all is written."""
    with child("camera", asdict(what), log=log) as process:
        yield process


def seen_in(file: Path) -> Seen:
    """Return what was seen."""
    found = json.loads(file.read_text())
    received = [(float(moment), str(header)) for moment, header in found.pop("received")]
    return Seen(received=received, **found)


def _main(what: Filming) -> None:
    keep_freed_memory()  # else every large message is faulted in anew
    camera = _Camera(what)
    camera.run()
    np.save(what.kept, camera.kept_pixels())
    Path(what.results).write_text(json.dumps(asdict(camera.seen)))
    told(says="written")


class _Camera:
    def __init__(self, what: Filming) -> None:
        self._what = what
        self._frames: NDArray[np.uint8] = np.load(what.frames)
        context = zmq.Context()
        self._out = _socket(context, zmq.PUSH, what.to)
        self._back = _socket(context, zmq.PULL, what.back)
        self._coming = zmq.Poller()
        self._coming.register(self._back, zmq.POLLIN)
        self._either = zmq.Poller()
        self._either.register(self._back, zmq.POLLIN)
        self._either.register(self._out, zmq.POLLOUT)
        self._began = time.monotonic() + 0.5
        first = self._began + what.warm_up
        self._pixels: list[memoryview] = []
        self._keep_next = first
        self.seen = Seen([], [], [], [], (first, first + what.seconds), 0.0)
        self._next = self._message()

    def run(self) -> None:
        """Send and receive until the window is over and no more comes."""
        first, last = self.seen.window
        self._until(first)
        told(says="begin")
        cpu = time.process_time()
        self._until(last)
        self.seen.cpu = time.process_time() - cpu
        told(says="end")
        while self._is_out() and self._coming.poll(round(1e3 * _NOTHING)):
            self._receive()

    def kept_pixels(self) -> NDArray[np.uint8]:
        """Return the frames that were kept [n, H, W, 3]."""
        shapes = [json.loads(self.seen.received[n][1])["shape"] for n in self.seen.kept]
        pairs = zip(self._pixels, shapes, strict=True)
        return np.stack([np.frombuffer(p, np.uint8).reshape(s) for p, s in pairs])

    def _until(self, end: float) -> None:
        while True:
            due, now = self._due(), time.monotonic()
            if now >= end and (due >= end or now >= end + _NOTHING):
                return
            if due > now:
                self._wait(min(due, end) - now)
            elif not self._send(due):
                self._either.poll(round(1e3 * _SHORT))
                self._receive()

    def _due(self) -> float:
        """Return when the next frame is to be sent."""
        what, sent = self._what, len(self.seen.sent)
        if what.fps:
            return self._began + sent / what.fps
        return float("inf") if self._out_now() >= what.in_flight else time.monotonic()

    def _wait(self, seconds: float) -> None:
        """Receive if something comes within this time."""
        if seconds < _SHORTEST:
            time.sleep(seconds)
        elif self._coming.poll(int(1e3 * min(seconds, 1.0))):
            self._receive()

    def _send(self, due: float) -> bool:
        now = time.monotonic()
        try:
            self._out.send_multipart(self._next, zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        self.seen.due.append(min(due, now))
        self.seen.sent.append(now)
        self._next = self._message()
        return True

    def _message(self) -> list[Part]:
        number = len(self.seen.sent)
        pixels: Pixels = self._frames[swinging(number, len(self._frames))]
        said = Published(stream="bench", seq=number + 1)
        return native_message(pixels, said, Payload())

    def _receive(self) -> None:
        try:
            header, pixels = self._back.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        now = time.monotonic()
        self.seen.received.append((now, header.bytes.decode()))
        first, last = self.seen.window
        if self._keep_next <= now < last:
            self.seen.kept.append(len(self.seen.received) - 1)
            self._pixels.append(pixels.buffer)
            self._keep_next += (last - first) / self._what.keep

    def _out_now(self) -> int:
        """Return how many frames are out; those that were passed over are not."""
        if not self.seen.received:
            return len(self.seen.sent)
        last: int = json.loads(self.seen.received[-1][1])["src_seq"]
        return len(self.seen.sent) - last

    def _is_out(self) -> bool:
        return self._out_now() > 0


def _socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, endpoint: str
) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.set_hwm(_HOLD)
    socket.connect(endpoint)
    return socket


if __name__ == "__main__":
    _main(Filming(**json.loads(sys.argv[1])))
