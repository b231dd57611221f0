"""What does a peer cost that sends parts without end, and who is served meanwhile?

A peer that speaks ZeroMQ announces with every part that more will follow, and never ends:
libzmq keeps all parts until the last has come, and no limit of its own holds them. Such a
flood goes to an endpoint of srstream in plaintext that is open to the network, and to one
with keys of CURVE, which the peer does not have. Before the first stands a relay, a process
of its own with a memory limit, which takes the damage, and is started again if it dies.
Beside the flood a good sender sends small frames, and connects anew where it is not
answered. Goals: the daemon's process takes at most 16 MB more, and the good sender is never
without an answer for more than 5 s.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil

from bench.endpoints import address_of, free_endpoint
from bench.flooding import Flood, Probe, longest_silence
from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.resident import most_resident, resident_mb
from bench.stage import staged
from srstream.transport.keys import make_keys

MOST_MB = 16.0
BACK = 5.0
"""Seconds; the goals."""
_MAX_PIXELS = 1920 * 1080
"""That are taken: a relay's memory depends on it, and this one must not hold a flood."""
_WARM = 20
"""Answers before the flood, when memory is looked at."""
_AFTER = 5.0
"""Seconds that the good sender goes on after the flood."""
_LATE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    floods: Annotated[int, "connections, one after the other"] = 4
    parts: Annotated[int, "that each sends, if it is let"] = 600
    part_mb: Annotated[float, "of one part"] = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """What the floods of one endpoint came to."""

    grown_mb: float
    """The daemon's process, at most, over what it was before."""
    relay_mb: float
    """The relay that was there when the floods began, at most; 0 without one."""
    silence_seconds: float
    answered: int
    unanswered: int
    sent_mb: list[float]
    is_alive: bool


def run(options: Options) -> Report:
    """Flood both endpoints."""
    found: dict[str, Run] = {}
    with tempfile.TemporaryDirectory() as place:
        for name in ("plaintext", "curve"):
            found[name] = _run(name, Path(place) / name, options)
            say(f"{name}: {found[name]}")
    return _report(found)


def _run(name: str, folder: Path, options: Options) -> Run:
    endpoint = free_endpoint("0.0.0.0")  # noqa: S104 - open to the network is the question
    source: dict[str, Any] = {
        "endpoints": [endpoint],
        "overload": "block",
        "max_pixels": _MAX_PIXELS,
    }
    keys = None
    if name == "curve":
        made = make_keys(folder / "keys")
        keys = folder / "keys"
        source["curve_key"] = str(made.server_secret)
        source["curve_clients"] = str(made.clients)
    else:
        source["insecure"] = True
    host, port = address_of(endpoint)
    probe = Probe(f"tcp://{host}:{port}", keys)
    flood = Flood(
        endpoint,
        floods=options.floods,
        parts=options.parts,
        part_bytes=int(1e6 * options.part_mb),
    )
    with staged(source, {"endpoints": [free_endpoint()]}, folder) as stage:
        late = time.monotonic() + _LATE
        probe.go_on_while(lambda: len(probe.answered) < _WARM and time.monotonic() < late)
        if not probe.answered:
            raise ValueError(f"the good sender is not answered{stage.words()}")
        before = resident_mb(stage.process.pid)
        with ExitStack() as stack:
            most = stack.enter_context(most_resident(stage.process.pid))
            relays = [
                stack.enter_context(most_resident(relay.pid))
                for relay in psutil.Process(stage.process.pid).children()
            ]
            start, warm = time.monotonic(), len(probe.answered)
            flood.start()
            probe.go_on_while(flood.is_alive)
            over = time.monotonic() + _AFTER
            probe.go_on_while(lambda: time.monotonic() < over)
            end = time.monotonic()
        is_alive = stage.is_alive
    return Run(
        grown_mb=most.mb - before,
        relay_mb=max((relay.mb for relay in relays), default=0.0),
        silence_seconds=longest_silence(probe.answered, start=start, end=end),
        answered=len(probe.answered) - warm,
        unanswered=probe.unanswered,
        sent_mb=flood.sent_mb,
        is_alive=is_alive,
    )


def _report(found: dict[str, Run]) -> Report:
    goals = [
        goal
        for name, run in found.items()
        for goal in (
            Goal(f"{name}: MB more", run.grown_mb, MOST_MB),
            Goal(f"{name}: seconds without an answer", run.silence_seconds, BACK),
            Goal(f"{name}: ends of the process", int(not run.is_alive), 0),
        )
    ]
    table = Table(
        "Floods",
        (
            "endpoint",
            "MB sent",
            "daemon MB more",
            "relay MB",
            "seconds without an answer",
            "answered",
            "not answered",
        ),
        tuple(
            (
                name,
                sum(run.sent_mb),
                run.grown_mb,
                run.relay_mb,
                run.silence_seconds,
                run.answered,
                run.unanswered,
            )
            for name, run in found.items()
        ),
        digits=1,
    )
    figures = {name: asdict(run) for name, run in found.items()}
    return judged("A flood of parts", goals, figures, (table,))
