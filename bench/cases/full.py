"""What happens when the disk of the results, or that of the state, is full?

A tmpfs of 64 MB holds the folder of results, and a ballast file fills it but for a few
results; then pictures arrive. The daemon must go on, must say in its log that it waits, and
must leave no half-written file; when the ballast is gone, all that waited must be done. The
same with the state folder on the tmpfs, filled to its last byte.

Goals: no exit; the log says so within 5 s of the moment at which the space was used up, or,
where nothing could be written from the start, at which the pictures arrived; all pending
done within 60 s of the space being freed; no partial file. Needs root, to mount.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from bench.goals import Goal, judged
from bench.mounts import fill_up, tmpfs
from bench.report import Report, Table, say
from bench.results_folder import names_in, partial, unfinished
from bench.serving import Served
from bench.tiny import Tiny, fill
from bench.told import told_in

ALARM = 5.0
CAUGHT_UP = 60.0
"""Seconds; the goals."""
_BEFORE = 5
"""Pictures that are done while there is space."""
_SIZE = 64
"""MB of the file system."""
_ROOM = 100_000
"""Bytes left to the results: some of them fit."""
_LATE = 180.0
_SAYS = {
    "outbox": "output cannot be written: the stream waits",
    "state": "state folder cannot be written: waiting",
}
"""What the log must say, by the folder that is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    pictures: Annotated[int, "that arrive while it is full"] = 200
    seconds: Annotated[float, "that it stays full after the log has said so"] = 15.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to."""

    alarm_seconds: float
    """From the last result that was written, or from the arrival, to the log's line."""
    done_while_full: int
    partial_while_full: int
    unfinished_while_full: int
    caught_up_seconds: float
    """From the freed space to the last picture's line of statistics."""
    alarms: int
    """How often the log said so in all."""
    partial: int
    lost: int
    unfinished: int
    torn_lines: int
    repeated_lines: int


def run(options: Options) -> Report:
    """Fill the folder of results, then that of the state."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for full in ("outbox", "state"):
            tiny = Tiny(Path(place) / f"{full}-full", source={"rescan": 60.0}, adapts=False)
            with tmpfs(tiny.folder / full, megabytes=_SIZE) as small:
                found[full] = _filled(tiny, small, _SAYS[full], options)
            say(f"{full} full: {found[full]}")
    return _report(found)


def _filled(tiny: Tiny, small: Path, alarm: str, options: Options) -> Found:
    fill(tiny.inbox, _BEFORE)
    with tiny.serving() as daemon:
        tiny.wait_for_frames(daemon, _BEFORE, within=_LATE)
        ballast = fill_up(small, but=_ROOM if small == tiny.outbox else 0)
        arrived = _arrive(tiny, options.pictures)
        said = daemon.wait_for_event(alarm, within=_LATE)
        alarm_seconds = said - max(arrived, _last_write(tiny))
        _stay(daemon, options.seconds)
        done = len(names_in(tiny.outbox)) - _BEFORE
        torn, left = len(partial(tiny.outbox)), len(unfinished(tiny.outbox))
        say(f"full for {options.seconds:.0f} s: {done} results")
        ballast.unlink()
        freed = time.time()
        tiny.wait_for_frames(daemon, _BEFORE + options.pictures, within=_LATE)
        caught_up = time.time() - freed
        daemon.stop()
    told = told_in(tiny.stats)
    wanted = {path.name for path in tiny.inbox.iterdir()}
    return Found(
        alarm_seconds=alarm_seconds,
        done_while_full=done,
        partial_while_full=torn,
        unfinished_while_full=left,
        caught_up_seconds=caught_up,
        alarms=len(daemon.events(alarm)),
        partial=len(partial(tiny.outbox)),
        lost=len(wanted - set(names_in(tiny.outbox))),
        unfinished=len(unfinished(tiny.folder)),
        torn_lines=told.torn,
        repeated_lines=told.repeated,
    )


def _arrive(tiny: Tiny, count: int) -> float:
    """Move pictures in at once; return when."""
    aside = tiny.folder / "aside"
    aside.mkdir()
    for path in fill(aside, count, first=_BEFORE):
        path.rename(tiny.inbox / path.name)
    return time.time()


def _last_write(tiny: Tiny) -> float:
    """Return when the last result was written, since 1970."""
    return max(path.stat().st_mtime for path in tiny.outbox.glob("*.png"))


def _stay(daemon: Served, seconds: float) -> None:
    """Wait, and see that it does not end.

    Raises:
        ValueError: it ended.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        daemon.check()
        time.sleep(0.1)


def _report(found: dict[str, Found]) -> Report:
    goals = [
        goal
        for name, run in found.items()
        for goal in (
            Goal(f"{name}: seconds until the log says so", run.alarm_seconds, ALARM),
            Goal(f"{name}: partial files while full", run.partial_while_full, 0),
            Goal(f"{name}: seconds until all are done", run.caught_up_seconds, CAUGHT_UP),
            Goal(f"{name}: partial files", run.partial, 0),
            Goal(f"{name}: pictures lost", run.lost, 0),
            Goal(f"{name}: temporary files left", run.unfinished, 0),
            Goal(f"{name}: torn lines of statistics", run.torn_lines, 0),
            Goal(f"{name}: repeated lines", run.repeated_lines, 0),
        )
    ]
    table = Table(
        "While it was full",
        ("full", "results", "temporary files", "alarms in all"),
        tuple(
            (name, run.done_while_full, run.unfinished_while_full, run.alarms)
            for name, run in found.items()
        ),
    )
    figures = {name: asdict(run) for name, run in found.items()}
    return judged("A full disk; it did not exit", goals, figures, (table,))
