"""What `srstream upscale` says in the end: a table for people, JSON for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srstream import __version__
from srstream.errors import SinkError
from srstream.evaluation.reference import Score
from srstream.frames import Upscaled
from srstream.media.printable import printable
from srstream.sinks.storing import store

KEPT = "kept"
"""The outcome of a picture that an earlier run had done."""
UNSCORED = Score(None, None, None, None, None, None)

Row = dict[str, str | float | int | None]


def make_parent(path: Path) -> None:
    """Make the folder of a summary; before the work, not after it.

    Raises:
        SinkError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


@dataclass(slots=True)
class Summary:
    """The rows so far."""

    preset: str
    mode: str
    device: str
    seconds: float = 0.0
    """Of upscaling, the start of the program not counted."""
    rows: list[Row] = field(default_factory=list)
    _done: int = 0

    def add(self, item: Upscaled, output: Path, score: Score | None) -> None:
        """Add a picture that was upscaled now."""
        ms = item.ms.decode + item.ms.adapt + item.ms.upscale + item.ms.write
        self._done += 1
        self._add(Path(item.frame.id.source), output, score)
        self.rows[-1] |= {
            "steps": item.stats.steps,
            "outcome": item.stats.outcome.value,
            "ms": round(ms, 3),
        }

    def add_kept(self, source: Path, output: Path, score: Score | None) -> None:
        """Add a picture that an earlier run had upscaled."""
        self._add(source, output, score)

    def _add(self, source: Path, output: Path, score: Score | None) -> None:
        self.rows.append(
            {
                "name": source.name,
                "source": str(source),
                "output": str(output),
                **asdict(score or UNSCORED),
                "steps": None,
                "outcome": KEPT,
                "ms": None,
            }
        )

    def mean(self) -> dict[str, float | None]:
        """Average each numeric key over the rows that have it."""
        keys = [*asdict(UNSCORED), "steps", "ms"]
        values = {
            key: [row[key] for row in self.rows if isinstance(row[key], int | float)]
            for key in keys
        }
        return {
            key: fmean(found) if found else None  # type: ignore[arg-type]
            for key, found in values.items()
        }

    def as_dict(self) -> dict[str, object]:
        """Return what scripts read; keys are added, never renamed."""
        return {
            "frames": self.rows,
            "mean": self.mean(),
            "fps": self._done / self.seconds if self.seconds and self._done else None,
            "preset": self.preset,
            "mode": self.mode,
            "device": self.device,
            "version": __version__,
        }

    def write_to(self, path: Path) -> None:
        """Write the JSON. Raises `SinkError`."""
        text = json.dumps(self.as_dict(), indent=2, allow_nan=False)
        store(path, text.encode(errors="backslashreplace") + b"\n")

    def print_to(self, console: Console, *, scored: bool) -> None:
        """Print the pictures of this run, and what they scored."""
        if scored:
            console.print(self._scores())
        if self._done:
            console.print(
                f"{self._done} pictures in {self.seconds:.1f} s "
                f"({self._done / self.seconds:.2f} per second)"
            )

    def _scores(self) -> Table:
        table = Table(title="Against the originals; bicubic in brackets")
        table.add_column("picture")
        for title in ("PSNR Y, dB", "PSNR RGB, dB", "SSIM Y", "steps", "outcome", "ms"):
            table.add_column(title, justify="right")
        for row in (*self.rows, {"name": "mean", "outcome": "", **self.mean()}):
            table.add_row(
                Text(printable(str(row["name"]))),
                _pair(row, "psnr_y", 2),
                _pair(row, "psnr_rgb", 2),
                _pair(row, "ssim_y", 4),
                _number(row["steps"], 0),
                str(row["outcome"]),
                _number(row["ms"], 0),
                end_section=row is self.rows[-1],
            )
        return table


def _pair(row: Row, key: str, digits: int) -> str:
    ours, bicubic = _number(row[key], digits), _number(row[f"{key}_bicubic"], digits)
    return f"{ours} ({bicubic})"


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "-"
