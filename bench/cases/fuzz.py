"""What do broken and hostile messages do, and to a good sender beside them?

First a hundred thousand messages, each made from one that was captured by changing bytes,
lengths, fields of the header, shapes, parts, or by putting a picture into it that is made
to cost much. Each is read as the source reads it: its header first, then its pixels. It is
taken, or refused with one of the known reasons; anything else counts as a crash, and the
longest one is told.

Then a real socket of srstream, its engine left out: one good REQ sender, and beside it
connections that send what is no ZeroMQ, or no whole message, and ZeroMQ sockets that send
messages as above. Goals: no crash, no message that takes a second, and of the good
sender's frames none is lost, repeated, or overtaken.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import zmq

from bench.endpoints import free_endpoint
from bench.goals import Goal, judged
from bench.mutants import Parts, mutants
from bench.receiving import Received, Receiving, received, receiving
from bench.report import Report, Table, say
from bench.resident import resident_mb
from bench.sending import Sending, sending
from bench.stage import staged
from bench.zmtp import connected, shake_hands, strange_frames, strange_start
from srstream.errors import Refused
from srstream.sources.files import MAX_PIXELS
from srstream.wire.incoming import read_message
from srstream.wire.message import Message
from srstream.wire.reasons import Reason

LONGEST = 1.0
"""Seconds for one message; the goal."""
_TOLD_EVERY = 20_000
_LATE = 600.0
_CRASHES_SHOWN = 5
_GAP = 0.002
"""Seconds between two frames of the good sender, and between two connections beside it."""
_MESSAGES_OF_A_SOCKET = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    cases: Annotated[int, "messages that are read"] = 100_000
    good: Annotated[int, "frames of the good sender; 0: no socket"] = 2_000
    seed: Annotated[int, "of the changes"] = 0


@dataclass(slots=True)
class Found:
    """What the messages came to."""

    taken: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    longest: float = 0.0
    """Seconds."""
    longest_what: str = ""
    grown_mb: float = 0.0

    def note(self, parts: Parts) -> None:
        """Read a message."""
        began = time.perf_counter()
        try:
            said = read_message(parts, max_pixels=MAX_PIXELS)
            if isinstance(said, Message):
                said.read()
        except Refused as refused:
            outcome = refused.reason
            self.reasons[refused.reason] += 1
            if refused.reason not in set(Reason):
                self.crashes.append(f"no reason: {refused.reason}")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            outcome = repr(error)
            self.crashes.append(f"{outcome} from {str(parts)[:200]}")
        else:
            outcome = "taken"
            self.taken += 1
        took = time.perf_counter() - began
        if took > self.longest:
            self.longest, self.longest_what = took, f"{outcome}: {str(parts)[:200]}"


@dataclass(frozen=True, slots=True)
class Beside:
    """What the good sender came to, and how many others there were."""

    came: Received
    connections: int
    messages: int
    is_alive: bool


def run(options: Options) -> Report:
    """Read the messages, then send to a socket."""
    found = fuzz(options)
    say(f"{options.cases} read, longest {1e3 * found.longest:.1f} ms")
    beside = None
    if options.good:
        with tempfile.TemporaryDirectory() as place:
            beside = _beside(Path(place), options)
    return _report(found, beside, options)


def fuzz(options: Options) -> Found:
    """Read so many messages."""
    found, start = Found(), 0.0
    for number, parts in enumerate(islice(mutants(options.seed), options.cases), 1):
        found.note(parts)
        if number == options.cases // 10:
            start = resident_mb(os.getpid())
        if number % _TOLD_EVERY == 0:
            say(f"{number} read: {found.taken} taken, {len(found.crashes)} crashes")
    found.grown_mb = resident_mb(os.getpid()) - start
    return found


def _beside(folder: Path, options: Options) -> Beside:
    source, sink = free_endpoint(), free_endpoint()
    over = threading.Event()
    hostile = [
        _Hostile(work, source, options.seed + number, over)
        for number, work in enumerate((_connections, _messages))
    ]
    with (
        staged(
            {"endpoints": [source], "overload": "block"},
            {"endpoints": [sink], "pattern": "push"},
            folder,
        ) as stage,
        receiving(
            Receiving(kind="pull", endpoint=sink, messages=options.good), folder
        ) as receiver,
    ):
        for each in hostile:
            each.start()
        good = Sending(
            kind="req",
            endpoint=source,
            messages=options.good,
            width=64,
            height=48,
            gap=_GAP,
        )
        try:
            with sending(good, folder):
                came = received(receiver, within=_LATE)
        finally:
            over.set()
            for each in hostile:
                each.join()
        is_alive = stage.is_alive
    return Beside(came, hostile[0].done, hostile[1].done, is_alive)


class _Hostile(threading.Thread):
    """Does something again and again until it is over."""

    def __init__(
        self,
        work: Callable[[str, int], Generator[None, None, None]],
        endpoint: str,
        seed: int,
        over: threading.Event,
    ) -> None:
        super().__init__(daemon=True)
        self.done = 0
        self._steps = work(endpoint, seed)
        self._over = over

    def run(self) -> None:
        with closing(self._steps):
            while not self._over.wait(_GAP):
                next(self._steps)
                self.done += 1


def _connections(endpoint: str, seed: int) -> Generator[None, None, None]:
    draw = np.random.default_rng(seed)
    while True:
        with suppress(OSError), connected(endpoint) as plain:
            if draw.random() < 0.5:
                plain.sendall(strange_start(draw))
            else:
                shake_hands(plain)
                plain.sendall(strange_frames(draw))
        yield


def _messages(endpoint: str, seed: int) -> Generator[None, None, None]:
    messages = mutants(seed)
    with zmq.Context() as context:
        while True:
            with context.socket(zmq.DEALER) as dealer:
                dealer.setsockopt(zmq.LINGER, 0)
                dealer.connect(endpoint)
                for parts in islice(messages, _MESSAGES_OF_A_SOCKET):
                    with suppress(zmq.Again):
                        dealer.send_multipart([b"", *parts], zmq.NOBLOCK)
                    yield


def _report(found: Found, beside: Beside | None, options: Options) -> Report:
    goals = [
        Goal("crashes", len(found.crashes), 0),
        Goal("seconds of the longest message", found.longest, LONGEST),
    ]
    rows: list[tuple[str, int]] = [("taken", found.taken), *found.reasons.most_common()]
    figures: dict[str, Any] = {
        "taken": found.taken,
        "reasons": dict(found.reasons),
        "crashes": found.crashes[:_CRASHES_SHOWN],
        "longest_ms": 1e3 * found.longest,
        "longest": found.longest_what,
        "grown_mb": found.grown_mb,
    }
    if beside is not None:
        lost = options.good - beside.came.total
        goals += [
            Goal("good frames lost", lost, 0),
            Goal("good frames out of turn", beside.came.out_of_turn, 0),
            Goal("ends of the process", int(not beside.is_alive), 0),
        ]
        figures["beside"] = {
            "connections": beside.connections,
            "messages": beside.messages,
            "taken": beside.came.strangers,
        }
    return judged(
        "Hostile messages",
        goals,
        figures,
        (Table(f"{options.cases} messages", ("outcome", "messages"), tuple(rows)),),
        (
            f"The longest took {1e3 * found.longest:.1f} ms: {found.longest_what}",
            *found.crashes[:_CRASHES_SHOWN],
        ),
    )
