"""Does every output get its name in the one order that a power cut cannot break?

strace tells the system calls of the daemon. About each output there must be, each ended
before the next begins: the intent written to the ledger's log and synced; the temporary
file made, written and synced; its final name; the sync of the folder; the ledger's commit;
the line of statistics. Goal: all of this about every output.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from bench.goals import Goal, judged
from bench.report import Report, Table
from bench.tiny import Tiny, fill
from bench.trace import TRACED, Step, calls_in, named, steps_kept

_LATE = 300.0
"""Seconds after which the daemon must be hanging; strace makes it slow."""
_PAGE = 8192
"""Bytes of what is written that strace shows: more than a page of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    pictures: Annotated[int, "whose outputs are looked at"] = 50


def run(options: Options) -> Report:
    """Trace a daemon; look at the order."""
    strace = shutil.which("strace")
    if strace is None:
        raise ValueError("strace is missing: install it, such as by `apt install strace`")
    with tempfile.TemporaryDirectory() as place:
        tiny = Tiny(Path(place).resolve(), source={"rescan": 60.0})
        trace = tiny.folder / "trace.txt"
        names = [path.name for path in fill(tiny.inbox, options.pictures)]
        # -D: the daemon is our child, and strace is not; so it can be stopped.
        under = (
            *(strace, "-D", "-f", "-y", "-qq", "-s", str(_PAGE), "-o", str(trace)),
            *("-e", f"trace={','.join(TRACED)}", "-e", "signal=none"),
        )
        with tiny.serving(under=under) as daemon:
            tiny.wait_for_frames(daemon, options.pictures, within=_LATE)
            daemon.stop()
        kept = kept_in(_wait_for_end(trace), tiny)
    return _report(kept, names)


def _wait_for_end(trace: Path) -> list[str]:
    """Return the lines once strace, which ends after the daemon, has written all."""
    end = time.monotonic() + _LATE
    size = -1
    while (now := trace.stat().st_size) != size and time.monotonic() < end:
        size = now
        time.sleep(0.5)
    return trace.read_text(errors="replace").splitlines()


def kept_in(lines: list[str], tiny: Tiny) -> dict[str, set[Step]]:
    """Return which steps each output took, by its name."""
    calls = calls_in(lines)
    return {
        Path(final).name: steps_kept(
            calls,
            part=part,
            rename=rename,
            source=Path(final).name,
            folder=str(tiny.outbox),
            ledger=str(tiny.state / "ledger.db-wal"),
            stats=str(tiny.stats),
        )
        for part, final, rename in named(calls, str(tiny.outbox))
    }


def _report(kept: dict[str, set[Step]], names: list[str]) -> Report:
    counts = Counter(step for name in names for step in kept.get(name, ()))
    whole = sum(kept.get(name) == set(Step) for name in names)
    figures = {
        "outputs": len(names),
        "in_order": whole,
        "steps": {step.value: counts[step] for step in Step},
    }
    table = Table(
        f"Steps kept, of {len(names)} outputs",
        ("step", "outputs"),
        tuple((step.value, counts[step]) for step in Step),
    )
    goals = [Goal("outputs that were not written in this order", len(names) - whole, 0)]
    return judged("Order of system calls", goals, figures, (table,))
