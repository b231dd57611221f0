"""How should OpenMP's threads wait for each other and for the next piece of work?

Spinning answers at once, but burns the cores that a decoder, an encoder or the event loop
would use; sleeping leaves them free, but wakes slowly. A process reads the setting once,
so each runs in a process of its own, by turns, several times; medians; `default` is what
OpenMP does unasked. Once alone and once
beside a process that never rests. The lateness is that of a timer on a thread of the same
process: what the event loop would feel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

from bench.alone import Alone, run_alone
from bench.arguments import Preset
from bench.pictures import pan, save
from bench.report import Report, Table, say

POLICIES: dict[str, dict[str, str]] = {
    "default": {},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "spin 100000": {"GOMP_SPINCOUNT": "100000"},
}
_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    frames: Annotated[int, "per run; the first only warms up"] = 8
    side: Annotated[int, "of a frame in pixels, before it is enlarged; 300 at most"] = 128
    rounds: Annotated[int, "runs of each policy, by turns"] = 3
    busy: Annotated[int, "processes that compete, in half of the runs"] = 1
    preset: Annotated[Preset, "what is done to the frames"] = "light"

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError("frames must be 2 at least")


def run(options: Options) -> Report:
    """Run every policy alone and beside busy processes, by turns."""
    found: dict[tuple[str, int], list[Alone]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number, pixels in enumerate(pan(options.frames, side=options.side)):
            save(pixels, folder / f"{number:04d}.png")
        for turn in range(options.rounds):
            for busy in (0, options.busy):
                for policy in POLICIES:
                    ran = _run_one(folder, policy, busy, options.preset)
                    found.setdefault((policy, busy), []).append(ran)
                    say(f"round {turn + 1}, {policy}, {busy} busy: {1e3 / ran.fps:.0f} ms")
    return report_of(found)


def _run_one(folder: Path, policy: str, busy: int, preset: str) -> Alone:
    rest = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    with _busy(busy):
        return run_alone(
            folder, preset=preset, beside=True, environment={**rest, **POLICIES[policy]}
        )


@contextmanager
def _busy(processes: int) -> Iterator[None]:
    """Run processes that never rest."""
    command = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def report_of(found: dict[tuple[str, int], list[Alone]]) -> Report:
    """Compare the medians of all runs of each policy, by how many processes competed."""
    tables = []
    for busy in sorted({busy for _, busy in found}):
        rows = tuple(
            (
                policy,
                median(1e3 / each.fps for each in found[policy, busy]),
                median(each.cpu_share for each in found[policy, busy]),
                median(each.beside.p99_ms for each in found[policy, busy] if each.beside),
            )
            for policy in POLICIES
        )
        title = f"Beside {busy} busy processes, medians" if busy else "Alone, medians"
        tables.append(
            Table(title, ("policy", "ms per frame", "cores busy", "lateness p99, ms"), rows)
        )
    figures = {
        policy: {
            f"busy_{busy}": [asdict(each) for each in ran]
            for (name, busy), ran in found.items()
            if name == policy
        }
        for policy in POLICIES
    }
    return Report(figures, tuple(tables))
