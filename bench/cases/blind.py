"""Is what no event tells of found all the same, and how soon?

Four daemons, with rescan and settle at their defaults: one that hears of all files, to
compare; one that polls (`watch = "poll"`, as on a network share); one that does not hear of
its files, since a hard link raises no event that it listens to; and one whose queue of
events overflows. For the last, the daemon is stopped (SIGSTOP), more files that it does not
want are made than the system queues events (`fs.inotify.max_queued_events`), then pictures,
of which it will not hear; then it goes on (SIGCONT). Goal: everything is found and done
within 30 s.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.serving import Served
from bench.tiny import START, Tiny, Value, fill, lines_in

WITHIN = 30.0
"""Seconds; the goal."""
_LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")
_SETTLE = 0.5
"""Seconds; the default."""
_MORE = 1000
"""Events beyond the limit."""
_LATE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    files: Annotated[int, "that come one by one, with and without events"] = 20
    pause: Annotated[float, "seconds between two of them, 1.5 times as many at most"] = 2.0
    unheard: Annotated[int, "that come while the queue is full"] = 100
    seed: Annotated[int, "of the pauses"] = 0


@dataclass(frozen=True, slots=True)
class Found:
    """When files were done, in seconds since they came."""

    files: int
    delays: tuple[float, ...]

    @property
    def missed(self) -> int:
        return self.files - len(self.delays)

    @property
    def latest(self) -> float:
        return max(self.delays, default=_LATE)


def run(options: Options) -> Report:
    """Measure the three."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for way, watch, bring in (
            ("events", "events", Path.rename),
            ("poll", "poll", Path.rename),
            ("no event", "events", _link),
        ):
            source: dict[str, Value] = {"settle": _SETTLE, "watch": watch}
            tiny = Tiny(Path(place) / way, source=source, adapts=False)
            found[way] = _one_by_one(tiny, bring, options)
            say(f"{way}: latest {found[way].latest:.1f} s")
        tiny = Tiny(Path(place) / "overflow", source={"settle": _SETTLE}, adapts=False)
        found["overflow"] = _unheard(tiny, options.unheard)
        say(f"overflow: latest {found['overflow'].latest:.1f} s")
    return _report(found)


def _link(path: Path, target: Path) -> None:
    target.hardlink_to(path)


def _one_by_one(
    tiny: Tiny, bring: Callable[[Path, Path], object], options: Options
) -> Found:
    draw = np.random.default_rng(options.seed)
    aside = tiny.folder / "aside"
    aside.mkdir()
    came: dict[str, float] = {}
    with tiny.serving() as daemon:
        daemon.wait_for_event("stream ready", within=START)
        time.sleep(2.0)  # the first scan would find them
        for path in fill(aside, options.files):
            bring(path, tiny.inbox / path.name)
            came[path.name] = time.time()
            time.sleep(options.pause * draw.uniform(0.5, 1.5))
        delays = _delays(tiny, daemon, came)
        daemon.stop()
    return Found(options.files, delays)


def _unheard(tiny: Tiny, files: int) -> Found:
    if not _LIMIT.exists():
        raise ValueError("there is no limit of queued events: this case needs Linux")
    limit = int(_LIMIT.read_text())
    aside = tiny.folder / "aside"
    aside.mkdir()
    pictures = fill(aside, files)
    came: dict[str, float] = {}
    with tiny.serving() as daemon:
        daemon.wait_for_event("stream ready", within=START)
        time.sleep(2.0)
        daemon.process.send_signal(signal.SIGSTOP)
        for number in range(limit + _MORE):
            # Another name each time: events that are alike are queued as one.
            unwanted = tiny.inbox / f"unwanted{number}.tmp"
            unwanted.touch()
            unwanted.unlink()
        for path in pictures:
            path.rename(tiny.inbox / path.name)
        daemon.process.send_signal(signal.SIGCONT)
        came = dict.fromkeys((path.name for path in pictures), time.time())
        delays = _delays(tiny, daemon, came)
        daemon.stop()
    return Found(files, delays)


def _delays(tiny: Tiny, daemon: Served, came: dict[str, float]) -> tuple[float, ...]:
    """Wait for all outputs; return how long each took, of those that came."""
    end = time.monotonic() + _LATE
    while lines_in(tiny.stats) < len(came) and time.monotonic() < end:
        daemon.check()
        time.sleep(0.05)
    return tuple(
        output.stat().st_mtime - moment
        for name, moment in came.items()
        if (output := tiny.outbox / name).exists()
    )


def _report(found: dict[str, Found]) -> Report:
    goals = [
        goal
        for way, run in found.items()
        for goal in (
            Goal(f"{way}: files missed", run.missed, 0),
            Goal(f"{way}: seconds until the latest was done", run.latest, WITHIN),
        )
    ]
    table = Table(
        "Seconds from arrival to output",
        ("way", "files", "median", "latest"),
        tuple(
            (way, run.files, float(np.median(run.delays or _LATE)), run.latest)
            for way, run in found.items()
        ),
    )
    figures = {
        way: {
            "files": run.files,
            "missed": run.missed,
            "delays": [round(delay, 3) for delay in run.delays],
        }
        for way, run in found.items()
    }
    return judged("What no event tells of", goals, figures, (table,))
