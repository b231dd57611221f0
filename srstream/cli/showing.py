"""What `srstream demo` does: make frames, run the daemon on them, compare."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from srstream.errors import Complaint, ConfigError
from srstream.evaluation.metrics import bicubic
from srstream.evaluation.reference import References, Score
from srstream.media.decode import read_picture

SCALE = 2
SIDE = 288
"""Of the true frames, in pixels; the daemon gets them shrunk."""
STEP = 24
"""Pixels that the pan moves from frame to frame."""
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
MOST_PIXELS = 10**7
LATE = 120.0
"""Seconds without a frame after which something must be wrong."""
WIDTH = 128
"""Characters of the table where there is no terminal to ask."""
MARK = ".srstream-demo"
"""Marks a folder as ours, so that no other is emptied."""

Line = dict[str, Any]


def show(folder: Path, *, frames: int) -> int:
    """Run the demonstration; return the exit status.

    Raises:
        ConfigError: the folder holds something else.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    parts = tuple(folder / part for part in ("inbox", "outbox", "truth", "state"))
    inbox, outbox, truth, state = parts
    _prepare(folder, parts)
    names = []
    for number, true in enumerate(pan(frames)):
        names.append(f"frame{number:03d}")
        Image.fromarray(true).save(truth / f"{names[-1]}.png")
    with _daemon(inbox, outbox, state, folder / "daemon.log") as daemon:
        lines = _follow(console, names, truth, inbox, outbox, daemon)
    if lines is None:
        console.print(f"the daemon stopped or hangs; see {folder / 'daemon.log'}")
        return 1
    references = References(truth, max_pixels=MOST_PIXELS)
    scores = {name: _score(references, name, inbox, outbox) for name in names}
    console.print(_table(lines, scores))
    picture = folder / "comparison.png"
    best = max(names, key=lambda name: _gain(scores[name]))
    _side_by_side(best, inbox, outbox, truth).save(picture)
    console.print(f"results: {outbox}")
    console.print(f"side by side, {best} (bicubic, srstream, truth): {picture}")
    return 0


def pan(frames: int) -> Iterator[NDArray[np.uint8]]:
    """Yield [SIDE, SIDE, 3] windows that move over one photograph after the other."""
    from skimage import data  # noqa: PLC0415 - slow to load

    share = -(-frames // len(PHOTOGRAPHS))
    for number in range(frames):
        photograph = getattr(data, PHOTOGRAPHS[number // share])()
        height, width = photograph.shape[:2]
        moved = STEP * (number % share)
        left = moved % (width - SIDE) if width > SIDE else 0
        top = (height - SIDE) // 2
        yield photograph[top : top + SIDE, left : left + SIDE, :3]


def _prepare(folder: Path, parts: tuple[Path, ...]) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise ConfigError(
            Complaint(
                "", f"{folder} holds something else; give another folder, or remove it"
            )
        )
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    (folder / MARK).touch()


@contextmanager
def _daemon(
    inbox: Path, outbox: Path, state: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `srstream serve` as a process of its own."""
    folders = [str(inbox), "-o", str(outbox), "--state-dir", str(state)]
    command = [sys.executable, "-m", "srstream", "serve", *folders]
    with log.open("wb") as file:
        daemon = subprocess.Popen(command, stderr=file)  # noqa: S603 - our own program
        try:
            yield daemon
        finally:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(30.0)
            except subprocess.TimeoutExpired:
                daemon.kill()


def _follow(
    console: Console,
    names: list[str],
    truth: Path,
    inbox: Path,
    outbox: Path,
    daemon: subprocess.Popen[bytes],
) -> list[Line] | None:
    """Drop frames in, a few ahead of the daemon; return its statistics."""
    lines: list[Line] = []
    dropped = 0
    seen = time.monotonic()
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
    )
    with progress:
        task = progress.add_task("the daemon starts", total=len(names))
        while len(lines) < len(names):
            while dropped < min(len(lines) + 3, len(names)):
                _drop(names[dropped], truth, inbox)
                dropped += 1
            found = _read_lines(outbox / "stats.jsonl")
            if len(found) > len(lines):
                lines, seen = found, time.monotonic()
                progress.update(task, completed=len(lines), description=_told(lines[-1]))
            elif daemon.poll() is not None or time.monotonic() - seen > LATE:
                return None
            time.sleep(0.05)
    return lines


def _drop(name: str, truth: Path, inbox: Path) -> None:
    """Shrink a true frame and put it, whole, into the watched folder."""
    with Image.open(truth / f"{name}.png") as true:
        small = true.resize(
            (true.width // SCALE, true.height // SCALE), Image.Resampling.BICUBIC
        )
    part = inbox / f".{name}.part"
    small.save(part, format="png")
    part.replace(inbox / f"{name}.png")


def _read_lines(path: Path) -> list[Line]:
    if not path.exists():
        return []
    text = path.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _told(line: Line) -> str:
    return f"{line['source']}: {line['outcome']}, {line['ms']['adapt']:.0f} ms"


def _score(references: References, name: str, inbox: Path, outbox: Path) -> Score:
    low = read_picture(inbox / f"{name}.png", max_pixels=MOST_PIXELS).pixels
    high = read_picture(outbox / f"{name}.png", max_pixels=MOST_PIXELS).pixels
    return references.score(name, high, low=low, scale=SCALE)


def _table(lines: list[Line], scores: dict[str, Score]) -> Table:
    table = Table(
        title="What the daemon did, and its results against the true frames",
        caption="held-out and PSNR in dB; in brackets bicubic",
        box=SIMPLE,
    )
    table.add_column("frame", no_wrap=True)
    for title in ("size", "outcome", "steps", "loss", "held-out", "ms", "PSNR Y", "SSIM Y"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in lines:
        name, size = Path(line["source"]).stem, "x".join(map(str, line["in_size"]))
        before, after, bicubic_db = (
            _short(line[f"heldout_psnr_{which}"])
            for which in ("before", "after", "bicubic")
        )
        table.add_row(
            *(name, size, line["outcome"], str(line["steps"])),
            f"{_short(line['loss_before'], '.2g')} > {_short(line['loss_after'], '.2g')}",
            f"{before} > {after} ({bicubic_db})",
            f"{line['ms']['adapt'] + line['ms']['upscale']:.0f}",
            *_compared(asdict(scores[name])),
        )
    table.add_section()
    values = [asdict(score) for score in scores.values()]
    mean = {
        key: fmean(score[key] for score in values if score[key] is not None)
        for key in ("psnr_y", "psnr_y_bicubic", "ssim_y", "ssim_y_bicubic")
    }
    table.add_row("mean", "", "", "", "", "", "", *_compared(mean))
    return table


def _gain(score: Score) -> float:
    """Return by how many dB ours is better than bicubic."""
    return (score.psnr_y or 0.0) - (score.psnr_y_bicubic or 0.0)


def _compared(score: Mapping[str, float | None]) -> tuple[str, str]:
    """Return the two last cells of a row: ours, and bicubic in brackets."""
    return (
        f"{_short(score['psnr_y'])} ({_short(score['psnr_y_bicubic'])})",
        f"{_short(score['ssim_y'], '.4f')} ({_short(score['ssim_y_bicubic'], '.4f')})",
    )


def _short(value: float | None, form: str = ".2f") -> str:
    return "-" if value is None else format(value, form)


def _side_by_side(name: str, inbox: Path, outbox: Path, truth: Path) -> Image.Image:
    """Bicubic, ours and the truth, enlarged twice by pixel so that a person sees it."""
    low = read_picture(inbox / f"{name}.png", max_pixels=MOST_PIXELS).pixels
    panels = [
        bicubic(low, SCALE),
        *(
            read_picture(place / f"{name}.png", max_pixels=MOST_PIXELS).pixels
            for place in (outbox, truth)
        ),
    ]
    gap = np.full((SIDE, 8, 3), 255, np.uint8)
    joined = np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)
    return Image.fromarray(joined.repeat(2, axis=0).repeat(2, axis=1))
