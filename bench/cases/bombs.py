"""What do files cost that are made to cost much?

One small file of every kind that is known to make decoders work, in every format that is
taken: pictures that claim gigapixels, texts that unpack a thousandfold, tables with a
million entries, pictures drawn twenty thousand times. Each is read as the daemon reads it,
in a process of its own, when all libraries are loaded. What it costs is the time, and by
how much the most memory that was ever resident is more than before. Most are refused; some
hold a small picture that is legal beside what is not needed, and that is decoded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from bench.bombs import BOMBS
from bench.report import Report, Table, say

MOST_MS = 10.0
MOST_MB = 5.0
_ROOT = Path(__file__).parents[2]
_PATIENCE = 300.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    only: Annotated[str, "those with this in their names, such as PNG"] = ""
    rounds: Annotated[int, "how often each is read; the middle one counts"] = 3

    def __post_init__(self) -> None:
        if not any(self.only in name for name in BOMBS):
            raise ValueError(f"no bomb has {self.only!r} in its name")
        if self.rounds < 1:
            raise ValueError("rounds must be 1 at least")


def run(options: Options) -> Report:
    """Read every bomb in a process of its own."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bomb"
        for name, bomb in BOMBS.items():
            if options.only in name:
                path.write_bytes(bomb.build())
                cost = _middle([_defuse(path) for _ in range(options.rounds)])
                figures.append({"bomb": name, "bytes": path.stat().st_size, **cost})
                say(f"{name}: {cost['ms']:.1f} ms, {cost['mb']:.1f} MB, {cost['outcome']}")
    return _report(figures)


def _middle(costs: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(costs, key=lambda cost: float(cost["ms"]))[len(costs) // 2]


def _defuse(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.defusing", str(path)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode:
        raise OSError(f"it did not survive: {done.stderr.strip().splitlines()[-1:]}")
    cost: dict[str, Any] = json.loads(done.stdout)
    return cost


def _report(figures: list[dict[str, Any]]) -> Report:
    refused = [each for each in figures if not each["outcome"].startswith("taken")]
    taken = [each for each in figures if each["outcome"].startswith("taken")]
    kept = [e for e in refused if e["ms"] < MOST_MS and e["mb"] < MOST_MB]
    notes = [
        f"{len(kept)} of {len(refused)} refused in less than {MOST_MS:.0f} ms and "
        f"{MOST_MB:.0f} MB: goal {'met' if len(kept) == len(refused) else 'not met'}"
    ]
    if taken:
        slowest = max(taken, key=lambda each: float(each["ms"]))
        largest = max(taken, key=lambda each: float(each["mb"]))
        notes.append(
            f"{len(taken)} hold a small picture, which is taken: at most "
            f"{slowest['ms']:.1f} ms ({slowest['bomb']}) and {largest['mb']:.1f} MB "
            f"({largest['bomb']})"
        )
    return Report(
        figures={"goal_ms": MOST_MS, "goal_mb": MOST_MB, "each": figures},
        tables=(
            Table(
                "Cost of one file",
                ("bomb", "bytes", "ms", "MB", "outcome"),
                tuple(
                    (e["bomb"], e["bytes"], e["ms"], e["mb"], e["outcome"][:44])
                    for e in figures
                ),
                digits=1,
            ),
        ),
        notes=tuple(notes),
    )
