"""What a file of statistics says about how often each frame was done."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Told:
    """What was found in a file of statistics."""

    lines: int
    """Whole ones."""
    torn: int
    """What is no whole line of JSON."""
    repeated: int
    """Lines beyond the first of the same stream and number."""
    sources: Counter[str]
    """How many lines there are of each source."""
    runs: int
    """How many runs of the daemon wrote them."""


def told_in(stats: Path) -> Told:
    """Read a file of statistics, which need not be there."""
    text = stats.read_text() if stats.exists() else ""
    *lines, rest = text.split("\n")
    told = [line for text in lines if (line := _line(text)) is not None]
    numbers = Counter((line["stream"], line["seq"]) for line in told)
    return Told(
        lines=len(told),
        torn=len(lines) - len(told) + bool(rest),
        repeated=len(told) - len(numbers),
        sources=Counter(str(line["source"]) for line in told),
        runs=len({line["run"] for line in told}),
    )


def _line(text: str) -> dict[str, object] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and {"stream", "seq"} <= line.keys() else None
