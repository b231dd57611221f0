"""Does a long life make the daemon slow to start, or large?

Two daemons, by turns: one whose ledger knows a million pictures that were done and are long
gone from the folder, and one with an empty ledger. Each time a hundred new pictures lie in
the folder. From the start of the process to the log's line `stream ready`, to the last of
the hundred, and the most resident memory by then; medians. Goals: at most 10 % more time,
and 20 MB more memory.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.resident import most_resident
from bench.tiny import START, Tiny, fill, lines_in

SLOWER = 1.10
MORE_MB = 20.0
"""The goals."""
_LATE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    rows: Annotated[int, "done, of the one ledger"] = 1_000_000
    pictures: Annotated[int, "new ones at each start"] = 100
    rounds: Annotated[int, "starts of each, by turns"] = 7


@dataclass(frozen=True, slots=True)
class Start:
    """What one start came to."""

    ready_seconds: float
    done_seconds: float
    most_mb: float


def run(options: Options) -> Report:
    """Make the ledgers; start by turns."""
    with tempfile.TemporaryDirectory() as place:
        empty = Tiny(Path(place) / "empty", adapts=False)
        full = Tiny(Path(place) / "full", adapts=False)
        for tiny in (empty, full):
            _start(tiny, 1, first=0)  # makes the ledger
        began = time.monotonic()
        add_rows(full.state / "ledger.db", options.rows)
        size = (full.state / "ledger.db").stat().st_size
        say(
            f"{options.rows} rows, {size / 1e6:.0f} MB, in {time.monotonic() - began:.0f} s"
        )
        found: dict[str, list[Start]] = {"empty": [], "full": []}
        for number in range(options.rounds):
            first = 1 + number * options.pictures
            for name, tiny in (("empty", empty), ("full", full)):
                found[name].append(_start(tiny, options.pictures, first=first))
            say(f"round {number + 1}: {found['empty'][-1]} {found['full'][-1]}")
    return _report(found, size, options)


def add_rows(ledger: Path, rows: int) -> None:
    """Note pictures of the stream `bench` as done, as the daemon would."""
    now, now_ns = time.time(), time.time_ns()
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.executemany(
            "INSERT INTO items (stream, source, name, size, mtime_ns, digest, read_at_ns, "
            "fate, seq, reason, time, moved_to, seen) "
            "VALUES ('bench', ?, ?, 1000, ?, ?, ?, 'done', ?, '', ?, x'', ?)",
            (
                (
                    b"old/camera-%08d.png" % number,
                    b"old/camera-%08d" % number,
                    now_ns - number,
                    number.to_bytes(32, "big"),
                    now_ns - number,
                    number,
                    now,
                    now,
                )
                for number in range(1, rows + 1)
            ),
        )
        db.execute("UPDATE streams SET last_seq = ? WHERE stream = 'bench'", (rows,))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _start(tiny: Tiny, pictures: int, *, first: int) -> Start:
    for path in (*tiny.inbox.iterdir(), *tiny.outbox.glob("*.png")):
        path.unlink()
    fill(tiny.inbox, pictures, first=first)
    time.sleep(0.5)  # they have settled before the start
    before = lines_in(tiny.stats)
    with tiny.serving() as daemon, most_resident(daemon.process.pid) as most:
        ready = daemon.wait_for_event("stream ready", within=START)
        tiny.wait_for_frames(daemon, before + pictures, within=_LATE)
        done = time.time()
        time.sleep(0.2)
        resident = most.mb
        daemon.stop()
    return Start(ready - daemon.started, done - daemon.started, resident)


def _report(found: dict[str, list[Start]], size: int, options: Options) -> Report:
    medians = {
        name: Start(
            median(start.ready_seconds for start in starts),
            median(start.done_seconds for start in starts),
            median(start.most_mb for start in starts),
        )
        for name, starts in found.items()
    }
    empty, full = medians["empty"], medians["full"]
    goals = [
        Goal("seconds until ready", full.ready_seconds, SLOWER * empty.ready_seconds),
        Goal("seconds until all are done", full.done_seconds, SLOWER * empty.done_seconds),
        Goal("MB more than with an empty ledger", full.most_mb - empty.most_mb, MORE_MB),
    ]
    table = Table(
        f"Starts with {options.pictures} new pictures, medians of {options.rounds}",
        ("ledger", "ready, s", "all done, s", "MB at most"),
        tuple(
            (name, start.ready_seconds, start.done_seconds, start.most_mb)
            for name, start in medians.items()
        ),
    )
    figures = {
        "ledger_mb": size / 1e6,
        "medians": {name: asdict(start) for name, start in medians.items()},
        "starts": {
            name: [asdict(start) for start in starts] for name, starts in found.items()
        },
    }
    title = f"A ledger of {options.rows} pictures"
    return judged(title, goals, figures, (table,))
