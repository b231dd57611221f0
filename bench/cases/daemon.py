"""What the daemon costs beside the bare engine, and how late its event loop gets.

Throughput: the same photographs are done by a bare `Session` (decoded before, in a process
of its own) and by `srstream serve` on a folder: watched, decoded, adapted, enlarged,
encoded, synced, told. By turns, several times; medians. Both count from the end of the
first frame to the end of the last, the daemon's by the `time` of its statistics, so that
starting counts for neither. Goal: the daemon keeps 95 %. The daemon decodes and encodes on
the cores on which the engine computes, so that some of it must be lost on a CPU.

Delay: the daemon's parts run in this process, and a timer of 5 ms on the event loop tells
how late it fires while frames are adapted. Goal: 99 of 100 within 20 ms.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import structlog

from bench.alone import run_alone
from bench.arguments import Preset
from bench.lateness import Lateness, lateness_of, tick
from bench.pictures import pan, save
from bench.report import Report, Table, say
from bench.serving import serving
from bench.timing import rate
from srstream.build import CLOCK, Builder, StreamSpec, specs
from srstream.computes import Computes
from srstream.logs import configure_logs
from srstream.runtime.minder import Runnable
from srstream.runtime.supervisor import Supervisor
from srstream.settings import Settings, from_tables
from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir

RATIO = 0.95
DELAY_MS = 20.0
_LATE = 600.0
"""Seconds after which a run of the daemon must be hanging."""
_GRACE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    frames: Annotated[int, "frames per run; the first only warms up"] = 60
    side: Annotated[int, "of a frame in pixels, before it is enlarged; 300 at most"] = 160
    rounds: Annotated[int, "runs of each, by turns"] = 2
    preset: Annotated[Preset, "what is done to the frames"] = "light"

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError("frames must be 2 at least")


def run(options: Options) -> Report:
    """Measure both by turns, then the event loop."""
    bare: list[float] = []
    whole: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        inbox = _fill(Path(place) / "inbox", options)
        for number in range(options.rounds):
            bare.append(run_alone(inbox, preset=options.preset, beside=False).fps)
            outbox = Path(place) / f"outbox{number}"
            whole.append(_served(inbox, outbox, options))
            say(f"round {number + 1}: bare {bare[-1]:.3f}, daemon {whole[-1]:.3f} fps")
        delay = event_loop_delay(inbox, Path(place) / "outbox", preset=options.preset)
    return _report(bare, whole, delay)


def _fill(inbox: Path, options: Options) -> Path:
    inbox.mkdir()
    for number, pixels in enumerate(pan(options.frames, side=options.side)):
        save(pixels, inbox / f"frame{number:04d}.png")
    return inbox


def _served(inbox: Path, outbox: Path, options: Options) -> float:
    """Return the frames per second of the whole daemon."""
    state = outbox.with_suffix(".state")
    folders = ["-o", str(outbox), "--state-dir", str(state)]
    flags = [*folders, "--preset", options.preset, "--device", "cpu"]
    log = outbox.with_suffix(".log")
    with serving([str(inbox), *flags], log=log) as daemon:
        moments = daemon.wait_for(
            outbox / "stats.jsonl", frames=options.frames, within=_LATE
        )
        daemon.stop()
    return rate(moments)


def event_loop_delay(inbox: Path, outbox: Path, *, preset: str) -> Lateness:
    """Do the pictures of a folder with the daemon's parts; return how late timers fired."""
    configure_logs(level="error", cache=False)
    stream = {
        "preset": preset,
        "device": "cpu",
        "source": {"type": "directory", "path": str(inbox), "settle": 0.05},
        "sinks": [
            {"type": "directory", "path": str(outbox)},
            {"type": "stats", "path": str(outbox / "stats.jsonl")},
        ],
    }
    settings = from_tables({"streams": {"bench": stream}}, base=inbox.parent)
    frames = sum(1 for _ in inbox.glob("*.png"))
    computes = Computes()
    with StateDir.open(inbox.parent / "state") as state_dir:
        ledger = Ledger.open(state_dir.ledger)
        try:
            builder = Builder(computes, ledger, state_dir, run="bench")
            return asyncio.run(_watch_the_loop(settings, builder, frames))
        finally:
            ledger.close_now()
            computes.close(within=_GRACE)


async def _watch_the_loop(settings: Settings, builder: Builder, frames: int) -> Lateness:
    made: list[Runnable] = []

    async def make(name: str, spec: StreamSpec) -> Runnable:
        made.append((await builder.stream(name, spec)).pipeline)
        return made[-1]

    supervisor: Supervisor[StreamSpec] = Supervisor(
        make, clock=CLOCK, log=structlog.get_logger(), grace=_GRACE
    )
    seen: list[float] = []
    async with asyncio.timeout(_LATE):
        await supervisor.apply(specs(settings))
        (pipeline,) = made
        await tick(
            seen,
            until=lambda: pipeline.counters.finished >= frames,
            counts=lambda: pipeline.backlog > 0,
        )
        await supervisor.stop(_GRACE)
    return lateness_of(seen)


def _report(bare: list[float], whole: list[float], delay: Lateness) -> Report:
    ratio = median(whole) / median(bare)
    figures: dict[str, Any] = {
        "bare_fps": bare,
        "daemon_fps": whole,
        "ratio": ratio,
        "ratio_goal": RATIO,
        "event_loop_delay": asdict(delay),
        "event_loop_delay_p99_goal_ms": DELAY_MS,
    }
    speeds = Table(
        "Frames per second, medians",
        ("bare engine", "daemon", "ratio", "goal"),
        ((f"{median(bare):.3f}", median(whole), ratio, RATIO),),
        digits=3,
    )
    delays = Table(
        "Delay of the event loop while adapting, ms",
        ("p50", "p99", "max", "timers", "goal for p99"),
        ((f"{delay.p50_ms:.2f}", delay.p99_ms, delay.max_ms, delay.timers, DELAY_MS),),
    )
    return Report(
        figures,
        (speeds, delays),
        (
            f"Throughput: {'met' if ratio >= RATIO else 'MISSED'}.",
            f"Delay: {'met' if delay.p99_ms <= DELAY_MS else 'MISSED'}.",
        ),
    )
