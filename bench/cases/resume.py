"""Do unmodified senders go on by themselves when srstream is restarted?

An ImageSender of imagezmq sends a frame and then waits for the answer, without a limit of
its own: an answer that is lost with the process that owed it leaves it waiting for ever.
`srstream pipe` is stopped (SIGTERM) or killed (SIGKILL) at some moment while such a sender
sends, and started again at the same endpoint. The trial counts if the sender goes on by
itself. Half of the senders pause for 33 ms after each answer, half for 1 ms. Goals: 95 %
after SIGTERM, 90 % after SIGKILL.

The frames are of 12x12 pixels, which are enlarged without the network: how long a frame
takes plays no part, as it is answered when it is accepted. `--through stage` runs the
source and the pipeline without the command around them, which starts in a tenth of the
time: the socket's code is the same, the way from the signal to it is not.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

import numpy as np

from bench.children import Child, started
from bench.endpoints import free_endpoint, wait_for_listener, wait_until_free
from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.sending import Sending, sending
from bench.stage import START, staged

SHARES = {"SIGTERM": 95.0, "SIGKILL": 90.0}
"""Percent; the goals."""
GAPS = (0.033, 0.001)
"""Seconds from an answer to the next frame."""
_SIDE = 12
_BEFORE = 20
"""Answers before the signal."""
_JITTER = 0.1
"""Seconds at most between these and the signal."""
_AGAIN = 3
"""Answers by the new process after which the sender has resumed: one may be on its way."""
_PATIENCE = 10.0
"""Seconds after which a sender will not resume any more."""
_POLL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    trials: Annotated[int, "of each signal"] = 20
    through: Annotated[Literal["command", "stage"], "what is restarted"] = "command"
    seed: Annotated[int, "of the moments"] = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One restart."""

    signal: str
    gap: float
    resumed: bool
    ended_seconds: float
    """From the signal to the end of the process."""
    listening_seconds: float
    """From the new start until somebody listened."""


def run(options: Options) -> Report:
    """Restart again and again."""
    draw = np.random.default_rng(options.seed)
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as place:
        daemons = Daemons(Path(place), options.through)
        with ExitStack() as stack:
            process = stack.enter_context(daemons.start())
            for name in SHARES:
                for number in range(options.trials):
                    with sender(daemons, gap=GAPS[number % len(GAPS)]) as camera:
                        camera.wait_for(_BEFORE)
                        time.sleep(_JITTER * draw.random())
                        ended = process.stop(getattr(signal, name))
                        wait_until_free(daemons.endpoint, within=_PATIENCE)
                        began = time.monotonic()
                        process = stack.enter_context(daemons.start())
                        listening = time.monotonic() - began
                        resumed = camera.resumes()
                    trials.append(Trial(name, camera.gap, resumed, ended, listening))
                    say(f"{len(trials)}: {trials[-1]}")
    return report_of(trials, options)


class Daemons:
    """One after the other, at the same endpoint."""

    def __init__(self, folder: Path, through: str) -> None:
        self.folder = folder
        self.endpoint = free_endpoint()
        self._out = free_endpoint()
        self._through = through
        self._numbers = count(1)

    @contextmanager
    def start(self) -> Iterator[Child]:
        """Run one, which listens already."""
        if self._through == "stage":
            source = {"endpoints": [self.endpoint]}
            with staged(source, {"endpoints": [self._out]}, self.folder) as process:
                yield process
            return
        command = [sys.executable, "-m", "srstream", "pipe", "--device", "cpu"]
        command += ["--in", self.endpoint, "--out", self._out]
        command += ["--state-dir", str(self.folder / "state")]
        log = self.folder / f"log{next(self._numbers)}.jsonl"
        with started(command, log=log, environment=os.environ) as process:
            try:
                wait_for_listener(
                    self.endpoint, within=START, is_alive=lambda: process.is_alive
                )
            except ValueError as error:
                raise ValueError(f"{error}{process.words()}") from None
            yield process


class Camera:
    """An unmodified sender, and how many frames of it were answered."""

    def __init__(self, process: Child, gap: float) -> None:
        self.gap = gap
        self.answered = 0
        self._process = process

    def wait_for(self, answers: int) -> None:
        """Wait until so many frames were answered.

        Raises:
            ValueError: they are not.
        """
        while self.answered < answers:
            self.answered = int(self._process.hear(within=START)["answered"])

    def resumes(self) -> bool:
        """Wait until some more frames are answered; false: they are not."""
        self._look()
        wanted, end = self.answered + _AGAIN, time.monotonic() + _PATIENCE
        while self.answered < wanted and time.monotonic() < end:
            time.sleep(_POLL)
            self._look()
        return self.answered >= wanted

    def _look(self) -> None:
        for line in self._process.heard():
            self.answered = int(line["answered"])


@contextmanager
def sender(daemons: Daemons, *, gap: float) -> Iterator[Camera]:
    """Run a sender until the end of the trial."""
    what = Sending(
        kind="imagezmq",
        endpoint=daemons.endpoint,
        messages=0,
        width=_SIDE,
        height=_SIDE,
        gap=gap,
        tells=True,
    )
    with sending(what, daemons.folder) as process:
        yield Camera(process, gap)


def report_of(trials: list[Trial], options: Options) -> Report:
    """Hold the trials against what is asked."""
    goals, rows = [], []
    for name, share in SHARES.items():
        these = [trial for trial in trials if trial.signal == name]
        resumed = 100 * sum(trial.resumed for trial in these) / len(these)
        goals.append(Goal(f"{name}: % that resumed", resumed, at_least=share))
        for gap in GAPS:
            some = [trial for trial in these if trial.gap == gap]
            if some:
                rows.append(
                    (
                        f"{name}, {1e3 * gap:.0f} ms",
                        len(some),
                        sum(trial.resumed for trial in some),
                        median(trial.ended_seconds for trial in some),
                        median(trial.listening_seconds for trial in some),
                    )
                )
    table = Table(
        f"Restarts of the {options.through}",
        ("signal, gap", "trials", "resumed", "seconds to the end", "seconds to listening"),
        tuple(rows),
    )
    figures = {"trials": [asdict(trial) for trial in trials]}
    return judged("Senders that resumed", goals, figures, (table,))
