"""Is anything done again when the daemon is restarted, and how long does a start take?

A thousand pictures are done. Then the daemon is started and stopped again and again, every
other time killed, and each time one more picture lies in the folder, whose name sorts
last: when that one is done, all that came before it has been looked at. Goals: no picture
is done again, and the daemon is ready within 5 s, counted from before the process is made
to the log's line `stream ready`. How long the new picture takes is told, too.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.results_folder import snapshot, written_again
from bench.tiny import START, Tiny, fill
from bench.told import told_in

READY = 5.0
"""Seconds; the goal."""
_LATE = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    pictures: Annotated[int, "that are done before"] = 1000
    restarts: Annotated[int, "how many"] = 50


@dataclass(slots=True)
class Found:
    """What the restarts came to."""

    ready_seconds: list[float]
    new_picture_seconds: list[float]
    rewritten: int
    repeated: int
    """Lines of statistics beyond the first of a picture."""
    missing: int


def run(options: Options) -> Report:
    """Do the pictures, then restart."""
    with tempfile.TemporaryDirectory() as place:
        tiny = Tiny(Path(place))
        fill(tiny.inbox, options.pictures)
        with tiny.serving() as daemon:
            tiny.wait_for_frames(daemon, options.pictures, within=_LATE)
            daemon.stop()
        return _report(_restarted(tiny, options), options)


def _restarted(tiny: Tiny, options: Options) -> Found:
    found = Found([], [], 0, 0, 0)
    stood = snapshot(tiny.outbox)
    for number in range(options.restarts):
        done = options.pictures + number
        fill(tiny.inbox, 1, first=done)
        time.sleep(0.5)  # it has settled before the start
        with tiny.serving() as daemon:
            ready = daemon.wait_for_event("stream ready", within=START)
            tiny.wait_for_frames(daemon, done + 1, within=START)
            found.new_picture_seconds.append(time.time() - daemon.started)
            found.ready_seconds.append(ready - daemon.started)
            if number % 2:
                daemon.kill()
            else:
                daemon.stop()
        stands = snapshot(tiny.outbox)
        found.rewritten += len(written_again(stood, stands))
        stood = stands
        if (number + 1) % 10 == 0:
            say(f"{number + 1} restarts: ready after {median(found.ready_seconds):.2f} s")
    told = told_in(tiny.stats)
    found.repeated = told.lines - len(told.sources)
    found.missing = options.pictures + options.restarts - len(told.sources)
    return found


def _report(found: Found, options: Options) -> Report:
    goals = [
        Goal("outputs written again", found.rewritten, 0),
        Goal("pictures done again", found.repeated, 0),
        Goal("pictures not done", found.missing, 0),
        Goal("seconds until ready, at most", max(found.ready_seconds), READY),
    ]
    table = Table(
        f"{options.restarts} restarts with {options.pictures} done pictures, seconds",
        ("from the start of the process to", "median", "max"),
        (
            ("stream ready", median(found.ready_seconds), max(found.ready_seconds)),
            (
                "a new picture is done",
                median(found.new_picture_seconds),
                max(found.new_picture_seconds),
            ),
        ),
    )
    figures = {
        "ready_seconds": [round(seconds, 3) for seconds in found.ready_seconds],
        "new_picture_seconds": [round(s, 3) for s in found.new_picture_seconds],
        "rewritten": found.rewritten,
        "repeated": found.repeated,
        "missing": found.missing,
    }
    return judged("Restarts", goals, figures, (table,))
