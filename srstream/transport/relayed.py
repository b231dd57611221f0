"""The relay: a process that holds a socket for its parent; each outlives the other.

The relay may die of strangers. ZeroMQ collects a message until its last part has come,
however many there are, so that a peer that never sends the last one fills the memory. Here
that is the memory of a process that does nothing else: it takes one message at a time, as
fast as the parent takes them, and hands it on through sockets in a folder of the parent's
own.

The parent may be killed. A REQ sender waits for ever if its request went into a connection
that ended without a reply, and the kernel takes many milliseconds to give back the memory
of a large process before it closes its connections. So a relay outlives its parent: it
waits for a moment until all senders that are active have sent and wait, answers them all,
and closes the socket in the same breath, so that each connection ends with its reply.

Run as `python -m srstream.transport.relayed`. The first line of stdin is `Orders` as JSON;
each further line says how many bytes the relay may use; when stdin ends, so does the relay.
Each line of stdout is an object: what is bound, why nothing is, or what happened.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import zmq

from srstream.errors import LinkError
from srstream.transport.contracts import STOPPING
from srstream.transport.endpoints import read_endpoint
from srstream.transport.handshakes import FAILED, failure, monitored
from srstream.transport.limited import LimitedLog
from srstream.transport.link import Link
from srstream.transport.orders import (
    BEYOND,
    DOWN,
    END,
    HELD,
    INNER_HOLD,
    REPLIES_HOLD,
    UP,
    Orders,
)
from srstream.transport.parts import Intake, most_parts, peer_of, put, routing
from srstream.transport.sockets import attach, configure
from srstream.transport.unanswered import Envelope, Unanswered

_ANY = 2**40
"""Bytes of a part of the parent's: it knows what it sends."""
_DIES_FIRST = "1000"
"""To the kernel, when the memory of the machine is short."""
_AT_ONCE = 16
"""Messages that go one way before the other way is looked at."""
_LONGEST_ENVELOPE = 1024
"""Bytes; those of REQ senders have ten or fewer."""
_LAST_LOOK, _QUIET = 0.1, 0.02
"""Seconds in which active senders come, at most; and without a message, if none is."""
_MOST_QUEUED = 1000
"""Requests that are looked at in the end; a fast sender could keep us for ever."""
_ORPHANS_LINGER = 1.0
"""Seconds, at most, that the last messages have when the parent is gone."""


def main() -> None:
    """Be a relay until the parent says so or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The parent tells when it is over, and its end does; systemd tells all of a group.
        signal.signal(number, signal.SIG_IGN)
    control = _Control()
    orders = Orders(**json.loads(control.wait()))
    _limit(orders.memory)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    outer = configure(
        context,
        orders.kind,
        hold=orders.hold,
        max_bytes=orders.max_bytes,
        topics=[topic.encode("latin-1") for topic in orders.topics],
    )
    monitor = monitored(outer, connects=orders.connects)
    try:
        endpoints = tuple(read_endpoint(text) for text in orders.endpoints)
        bound = attach(outer, Link(endpoints, orders.connects))
    except LinkError as error:
        _tell(error=str(error))
        os._exit(1)
    _tell(bound=bound)
    relay = _Relay(orders, context, outer, monitor, control)
    linger = orders.linger
    if not relay.run():
        linger = min(linger, _ORPHANS_LINGER)
        relay.remove_folder()
        if orders.kind == "router":
            relay.let_senders_come()
    relay.end(linger)
    context.term()


class _Relay:
    def __init__(
        self,
        orders: Orders,
        context: zmq.Context[zmq.Socket[bytes]],
        outer: zmq.Socket[bytes],
        monitor: zmq.Socket[bytes],
        control: _Control,
    ) -> None:
        self._orders = orders
        self._outer = outer
        self._monitor = monitor
        self._control = control
        self._failed = LimitedLog(_Told(), FAILED)
        self._up = configure(context, "push", hold=INNER_HOLD, max_bytes=0)
        self._up.connect(f"ipc://{orders.folder}/{UP}")
        replies = orders.kind in {"router", "pair"}
        waiting = REPLIES_HOLD if replies else INNER_HOLD
        self._down = configure(context, "pull", hold=waiting, max_bytes=_ANY)
        self._down.connect(f"ipc://{orders.folder}/{DOWN}")
        self._intake = Intake(outer, most_parts(orders.kind))
        self._epoch = os.urandom(8)
        self._waiting: list[zmq.Frame] | None = None
        """A message that has no place yet."""
        self._unanswered = Unanswered()
        """Of a router."""
        self._held: list[list[zmq.Frame]] = []
        """Replies for the end."""

    def run(self) -> bool:
        """Hand messages on until the parent says that it was the last.

        Returns:
            False when the parent is gone.
        """
        poller = zmq.Poller()
        poller.register(0, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        receives = self._orders.receives
        while True:
            free = receives and _ready(self._up, zmq.POLLOUT)
            poller.register(self._outer, self._awaited(free=free))
            poller.register(self._up, zmq.POLLOUT if receives and not free else 0)
            poller.register(self._down, zmq.POLLIN if self._waiting is None else 0)
            ready = dict(poller.poll())
            if 0 in ready and not self._obey():
                return False
            if self._monitor in ready:
                reason, endpoint = failure(self._monitor.recv_multipart())
                self._failed.count(reason, endpoint=endpoint)
            if free:
                self._hand_up_some()
            if self._waiting is not None:
                self._send()
            if self._down in ready and not self._send_some():
                return True

    def _awaited(self, *, free: bool) -> int:
        return (zmq.POLLIN if free else 0) | (
            zmq.POLLOUT if self._waiting is not None else 0
        )

    def _hand_up_some(self) -> None:
        for _ in range(_AT_ONCE):
            if not _ready(self._outer, zmq.POLLIN):
                return
            self._hand_up()
            if not _ready(self._up, zmq.POLLOUT):
                return

    def _hand_up(self) -> None:
        """Take a message, and give the parent what of it is not too much."""
        frames = self._take()
        if frames is None:
            return
        peer = peer_of(frames[-1]).encode("utf-8", "replace")
        left = self._orders.max_bytes + BEYOND
        kept = 0
        for frame in frames:
            left -= len(frame)
            if left < 0:
                break  # it is refused for the parts that it lacks
            kept += 1
        put(self._up, [self._epoch, peer, *frames[:kept]])

    def _take(self) -> list[zmq.Frame] | None:
        frames = self._intake.take()
        if frames is not None and self._orders.kind == "router":
            envelope = _envelope(frames)
            if sum(map(len, envelope)) <= _LONGEST_ENVELOPE:
                self._unanswered.came(envelope, time.monotonic())
        return frames

    def _send_some(self) -> bool:
        """Send what the parent has for us; false: that was the last."""
        for _ in range(_AT_ONCE):
            try:
                tag, *rest = self._down.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return True
            if tag.bytes == END:
                return False
            self._waiting = self._addressed(rest)
            if tag.bytes == HELD:
                self._hold_back()
            elif self._waiting is not None:
                self._send()
                if self._waiting is not None:
                    return True
        return True

    def _addressed(self, parts: list[zmq.Frame]) -> list[zmq.Frame] | None:
        """Return what is to be sent; nothing if it is for a peer of another relay."""
        if self._orders.kind != "router":
            return parts
        address = parts[0].bytes
        if not address.startswith(self._epoch):
            return None
        return [zmq.Frame(address.removeprefix(self._epoch)), *parts[1:]]

    def _send(self) -> None:
        """Send the message that waits, or drop it where that is our way."""
        assert self._waiting is not None  # noqa: S101 - asked before
        if put(self._outer, self._waiting) or not self._orders.waits:
            if self._orders.kind == "router":
                self._unanswered.answered(self._waiting[0].bytes)
            self._waiting = None

    def _hold_back(self) -> None:
        """Keep the message that waits for the end."""
        if self._waiting is not None:
            self._held.append(self._waiting)
            self._waiting = None

    def _obey(self) -> bool:
        """Do what the parent says; false: it is gone."""
        lines = self._control.read()
        if lines is None:
            return False
        for line in lines:
            _limit(int(line))
        return True

    def let_senders_come(self) -> None:
        """The parent is gone: wait for the requests of all who are active.

        Whoever has his reply will send, into a connection that is about to end.
        """
        self._hold_all_back()
        until = time.monotonic() + _LAST_LOOK
        while (left := until - time.monotonic()) > 0:
            expects = self._unanswered.expects(time.monotonic())
            seconds = left if expects else min(left, _QUIET)
            if not self._outer.poll(round(1000 * seconds) or 1):
                return
            self._take()

    def _hold_all_back(self) -> None:
        """Keep the replies that the parent gave us before it died."""
        self._hold_back()
        with suppress(zmq.Again):
            while True:
                _, *rest = self._down.recv_multipart(zmq.NOBLOCK, copy=False)
                self._waiting = self._addressed(rest) if rest else None
                self._hold_back()

    def remove_folder(self) -> None:
        """Remove what the parent left behind."""
        folder = Path(self._orders.folder)
        with suppress(OSError):
            for name in (UP, DOWN):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()

    def _last_replies(self) -> list[Sequence[zmq.Frame | bytes]]:
        """Return those that were held, and one for each sender that waits for another."""
        for _ in range(_MOST_QUEUED):
            if not _ready(self._outer, zmq.POLLIN):
                break
            self._take()
        held = {_envelope(message) for message in self._held}
        refused = (each for each in self._unanswered if each not in held)
        return [*self._held, *([*each, STOPPING] for each in refused)]

    def end(self, linger: float) -> None:
        """Answer everybody, and close the socket in the same breath.

        Args:
            linger: seconds that replies and messages have to go out.
        """
        last = self._last_replies() if self._orders.kind == "router" else ()
        self._outer.disable_monitor()
        for message in last:
            put(self._outer, message)
        self._outer.close(linger=round(linger * 1000))
        self._monitor.close(0)
        self._up.close(0)
        self._down.close(0)


class _Control:
    """The lines of stdin, as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self) -> list[bytes] | None:
        """Return whole lines of what is there; nothing at its end."""
        came = os.read(0, 65_536)
        if not came:
            return None
        *lines, self._rest = (self._rest + came).split(b"\n")
        return lines

    def wait(self) -> bytes:
        """Return the first line."""
        while True:
            lines = self.read()
            if lines is None:
                os._exit(0)
            if lines:
                return lines[0]


class _Told:
    """Takes warnings, and tells them to the parent."""

    def warning(self, event: str, **details: object) -> None:
        _tell(event=event, **details)


def _envelope(frames: list[zmq.Frame]) -> Envelope:
    return tuple(frame.bytes for frame in frames[: routing(frames)])


def _ready(socket: zmq.Socket[bytes], event: int) -> bool:
    return bool(int(socket.EVENTS) & event)


def _tell(**what: object) -> None:
    with suppress(BrokenPipeError):  # the parent is gone: its other pipe tells as well
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def _limit(memory: int) -> None:
    """Die before the machine does, without leaving the memory on the disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.RLIM_INFINITY))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_DIES_FIRST, encoding="ascii")


if __name__ == "__main__":
    main()
