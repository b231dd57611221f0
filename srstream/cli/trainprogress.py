"""How far a training is: a bar on a terminal, and a line each time it is measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from srstream.sinks.storing import store
from srstream.training import Moment


class TrainProgress:
    """Shows moments while it is open."""

    def __init__(self, console: Console, steps: int, file: Path | None = None) -> None:
        """Show nothing yet.

        Args:
            console: Where to.
            steps: Of the whole training.
            file: Gets a line of JSON for each time it is measured.
        """
        self._console = console
        self._steps = steps
        self._file = file
        self._lines: list[str] = []
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=steps)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def continued(self, moments: Sequence[Moment], step: int) -> None:
        """Say so; what an earlier process measured comes first in the file.

        Raises:
            SinkError: the file cannot be written.
        """
        self._console.print(f"continuing after step {step} of {self._steps}")
        self._lines = [_line(moment) for moment in moments]
        self._write()

    def show(self, moment: Moment) -> None:
        """Show how far it is; print and write what was measured. Raises `SinkError`."""
        told = described(moment)
        self._bar.update(self._task, completed=moment.step, description=told)
        if moment.measured:
            line = f"step {moment.step} of {moment.steps}: {told}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            self._lines.append(_line(moment))
            self._write()

    def _write(self) -> None:
        # Anew each time: so it is whole, and holds nothing twice, also after a kill.
        if self._file is not None:
            store(self._file, "".join(self._lines).encode())


def _line(moment: Moment) -> str:
    record = asdict(moment)
    del record["measured"]  # true in all of them
    return json.dumps(record, allow_nan=False) + "\n"


def described(moment: Moment) -> str:
    """Return `loss 0.01234, 36.21 dB (bicubic 33.10), 310 crops/s, 1:05:09 left`."""
    measured = ""
    if moment.psnr is not None and moment.psnr_bicubic is not None:
        measured = f", {moment.psnr:.3f} dB (bicubic {moment.psnr_bicubic:.2f})"
    return (
        f"loss {moment.loss:.5f}{measured}, {moment.crops_per_second:.0f} crops/s, "
        f"{length_of(moment.seconds_left)} left"
    )


def length_of(seconds: float) -> str:
    """Return hours, minutes and seconds: `1:05:09`, `2:07`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
