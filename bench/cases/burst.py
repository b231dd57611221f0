"""Ten thousand files at once, and a start with a hundred thousand in the folder.

The burst: pictures are renamed into the folder while the daemon runs, with a day between
rescans, so that only events tell of them. Goals: none is missed; the resident memory rises
by 200 MB at most. How long all of them take is told.

The start: the folder is full when the daemon starts. How long the first output takes and
how much memory it has by then is told; goal: the memory is at most 200 MB above that of a
start with an empty folder. The daemon does not adapt.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.resident import most_resident
from bench.results_folder import names_in
from bench.tiny import START, Tiny, fill_quickly
from bench.told import told_in

MORE_MB = 200.0
"""The goal."""
_WARM = 50
"""Pictures that are done before, so that all that is made once is made."""
_SLOWEST = 0.2
"""Seconds per picture after which the daemon must be hanging."""
_SETTLED = 5.0
"""Seconds after the first output in which memory is still watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    files: Annotated[int, "that arrive at once"] = 10_000
    there: Annotated[int, "files that are there at the start of another run; 0: none"] = (
        100_000
    )


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of the files that arrived at once."""

    moving_seconds: float
    all_done_seconds: float
    missed: int
    repeated: int
    before_mb: float
    most_mb: float


@dataclass(frozen=True, slots=True)
class Start:
    """What a start came to."""

    files: int
    ready_seconds: float
    """To the log's line `stream ready`."""
    first_output_seconds: float
    most_mb: float


def run(options: Options) -> Report:
    """Measure the burst, then the starts."""
    with tempfile.TemporaryDirectory() as place:
        burst = _burst(Path(place) / "burst", options.files)
        say(f"{burst}")
        starts = [_start(Path(place) / "few", 1)]
        if options.there:
            starts.append(_start(Path(place) / "many", options.there))
        say(f"{starts}")
    return _report(burst, starts, options)


def _burst(folder: Path, files: int) -> Burst:
    tiny = Tiny(folder, source={"rescan": 86_400.0}, adapts=False)
    fill_quickly(tiny.inbox, _WARM)
    aside = folder / "aside"
    aside.mkdir()
    paths = fill_quickly(aside, files, first=_WARM)
    with tiny.serving() as daemon:
        tiny.wait_for_frames(daemon, _WARM, within=START)
        before = daemon.memory_mb
        began = time.monotonic()
        with most_resident(daemon.process.pid) as most:
            for path in paths:
                path.rename(tiny.inbox / path.name)
            moving = time.monotonic() - began
            say(f"{files} files moved in within {moving:.1f} s")
            tiny.wait_for_frames(daemon, _WARM + files, within=START + files * _SLOWEST)
            done = time.monotonic() - began
        daemon.stop()
    told = told_in(tiny.stats)
    there = set(names_in(tiny.outbox))
    return Burst(
        moving_seconds=moving,
        all_done_seconds=done,
        missed=sum(path.name not in there for path in paths),
        repeated=told.lines - len(told.sources),
        before_mb=before,
        most_mb=most.mb,
    )


def _start(folder: Path, files: int) -> Start:
    tiny = Tiny(folder, adapts=False)
    fill_quickly(tiny.inbox, files)
    with tiny.serving() as daemon, most_resident(daemon.process.pid) as most:
        ready = daemon.wait_for_event("stream ready", within=START) - daemon.started
        daemon.wait_until(
            lambda: any(tiny.outbox.glob("*.png")), "the first output", within=10 * START
        )
        first = time.time() - daemon.started
        time.sleep(_SETTLED)
    return Start(files, ready, first, most.mb)


def _report(burst: Burst, starts: list[Start], options: Options) -> Report:
    goals = [
        Goal("burst: files missed", burst.missed, 0),
        Goal("burst: files done twice", burst.repeated, 0),
        Goal("burst: MB above before", burst.most_mb - burst.before_mb, MORE_MB),
    ]
    if len(starts) > 1:
        few, many = starts
        more = many.most_mb - few.most_mb
        goals.append(Goal(f"{many.files} there: MB above a start with one", more, MORE_MB))
    tables = (
        Table(
            f"{options.files} files at once",
            ("moved in, s", "all done, s", "per file, ms", "MB before", "MB at most"),
            (
                (
                    f"{burst.moving_seconds:.1f}",
                    burst.all_done_seconds,
                    1e3 * burst.all_done_seconds / options.files,
                    burst.before_mb,
                    burst.most_mb,
                ),
            ),
            digits=1,
        ),
        Table(
            "Starts with files in the folder",
            ("files", "ready, s", "first output, s", "MB at most"),
            tuple(
                (str(s.files), s.ready_seconds, s.first_output_seconds, s.most_mb)
                for s in starts
            ),
            digits=1,
        ),
    )
    figures = {
        "burst": {name: getattr(burst, name) for name in Burst.__slots__},
        "starts": [{name: getattr(s, name) for name in Start.__slots__} for s in starts],
    }
    return judged("A burst", goals, figures, tables)
