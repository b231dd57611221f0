"""The loop: steps, measuring, saving; ends when done, stopped, or gone wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from srstream.engine.contracts import Net
from srstream.errors import Complaint, ConfigError, Diverged, StateError
from srstream.training.crops import Pool, pairs_to_learn, pairs_to_measure
from srstream.training.partial import Partial
from srstream.training.pictures import Pictures
from srstream.training.recipe import Recipe
from srstream.training.trainer import Trainer
from srstream.training.validation import Validation

SAVE_SECONDS = 120.0
"""At most so much work is lost with the process, whatever a step takes."""
_SMOOTH = 0.99
"""What stays of the running mean of the loss at each step."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a training is."""

    step: int
    """Steps that were taken."""
    steps: int
    """Steps in all."""
    loss: float
    """Running mean over some hundred steps."""
    psnr: float | None
    """dB on the validation pictures, when last measured; none: not yet, or there are no
    such pictures."""
    psnr_bicubic: float | None
    """dB of bicubic on the same pictures."""
    measured: bool
    """`psnr` was measured after this very step."""
    crops_per_second: float
    """Learnt from since this process began."""
    seconds_left: float
    """At this speed."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What came out."""

    net: Net
    """With the averaged weights."""
    moments: tuple[Moment, ...]
    """Those at which it was measured."""


def train(
    net: Net,
    pictures: Pictures,
    recipe: Recipe,
    *,
    scale: int,
    device: torch.device | str = "cpu",
    partial: Partial | None = None,
    observe: Callable[[Moment], None] | None = None,
    continued: Callable[[tuple[Moment, ...], int], None] | None = None,
    stopping: Callable[[], bool] | None = None,
    warn: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Trained | None:
    """Train a network, whatever module it is.

    The calling thread is the one that computes: `engine.prepare_thread` sets it up, and
    keeps late steps fast. On a CPU the same arguments and threads give the same weights,
    bit for bit, also when it was stopped or killed in between and continued.

    Args:
        net: Its weights are the initial ones, and are changed.
        pictures: To learn from and to measure on.
        recipe: How.
        scale: The network's.
        device: Where to compute.
        partial: Where it is saved, and continued from if something is there; none: it is
            not saved. The file is left there at the end.
        observe: Told after every step; none: nobody.
        continued: Told if a training is continued, when it was measured before, and after
            which step; none: nobody.
        stopping: Asked after every step; true: save and return. None: never.
        warn: Told about pictures that are left out.
        clock: Monotonic seconds.

    Returns:
        What came out; none: it was stopped.

    Raises:
        ConfigError: no picture is as large as a crop, or the partial is of another
            training.
        SinkError: the partial cannot be written.
        Diverged: something is not finite; what was saved last stays.
    """
    place = torch.device(device)
    colours = net.colours
    pool = Pool(
        pairs_to_learn(
            pictures.training,
            scale=scale,
            colours=colours,
            side=recipe.side,
            shrunken=recipe.shrunken,
            warn=warn,
        ),
        scale=scale,
        side=recipe.side,
        device=place,
    )
    measured = pairs_to_measure(
        pictures.validation, scale=scale, colours=colours, warn=warn
    )
    net.to(device=place, memory_format=torch.channels_last)
    run = _Run(
        Trainer(net, pool, recipe, place),
        Validation(measured, scale=scale, device=place),
        recipe,
        partial,
        clock,
    )
    if continued is not None and run.step:
        continued(run.moments, run.step)
    return run.go(observe, stopping)


class _Run:
    """One process's part of a training."""

    def __init__(
        self,
        trainer: Trainer,
        validation: Validation,
        recipe: Recipe,
        partial: Partial | None,
        clock: Callable[[], float],
    ) -> None:
        self._trainer = trainer
        self._validation = validation
        self._recipe = recipe
        self._partial = partial
        self._clock = clock
        self._loss = 0.0
        self._moments: list[Moment] = []
        if partial is not None and (saved := partial.load()) is not None:
            try:
                self._continue(*saved)
            except (StateError, KeyError, TypeError) as error:
                problem = f"does not fit: {error}; --restart begins anew"
                raise ConfigError(Complaint(str(partial.path), problem)) from error
        self._began_at = trainer.step
        self._saved_at = trainer.step or None
        self._began = self._saved = clock()

    @property
    def step(self) -> int:
        """Steps that were taken, in earlier processes as well."""
        return self._trainer.step

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Those at which it was measured."""
        return tuple(self._moments)

    def go(
        self,
        observe: Callable[[Moment], None] | None,
        stopping: Callable[[], bool] | None,
    ) -> Trained | None:
        """As `train`."""
        trainer, steps = self._trainer, self._recipe.steps
        try:
            while trainer.step < steps:
                self._loss += (1 - _SMOOTH) * (trainer.advance() - self._loss)
                moment = self._moment()
                if moment.measured:
                    self._moments.append(moment)
                if observe is not None:
                    observe(moment)
                is_stopping = stopping is not None and stopping()
                if self._is_due() or is_stopping or trainer.step == steps:
                    self._save()
                if is_stopping and trainer.step < steps:
                    return None
        except Diverged as error:
            raise Diverged(f"{error}; {self._what_is_kept()}") from error
        return Trained(trainer.averaged, self.moments)

    def _moment(self) -> Moment:
        step, steps = self._trainer.step, self._recipe.steps
        count = self._recipe.measurements
        # True at `count` of the steps, the last one among them.
        measuring = step * count // steps > (step - 1) * count // steps
        psnr = self._moments[-1].psnr if self._moments else None
        if measuring:
            psnr = self._validation.measure(self._trainer.averaged)
            if psnr is not None and not math.isfinite(psnr):
                raise Diverged(f"the validation is {psnr} at step {step}")
        passed = max(self._clock() - self._began, 1e-9)
        speed = (step - self._began_at) / passed
        return Moment(
            step=step,
            steps=steps,
            loss=self._loss / (1 - _SMOOTH**step),
            psnr=psnr,
            psnr_bicubic=self._validation.bicubic,
            measured=measuring,
            crops_per_second=speed * self._recipe.batch,
            seconds_left=(steps - step) / speed,
        )

    def _is_due(self) -> bool:
        every = self._recipe.save_every
        return self._trainer.step % every == 0 or self._clock() - self._saved > SAVE_SECONDS

    def _save(self) -> None:
        if self._partial is None:
            return
        notes: dict[str, Any] = {
            "step": self._trainer.step,
            "loss": self._loss,
            "moments": [asdict(moment) for moment in self._moments],
        }
        self._partial.save(self._trainer.arrays(), notes)
        self._saved_at, self._saved = self._trainer.step, self._clock()

    def _continue(self, arrays: dict[str, Any], notes: dict[str, Any]) -> None:
        self._moments = [Moment(**each) for each in notes["moments"]]
        self._loss = float(notes["loss"])
        self._trainer.load(arrays, int(notes["step"]))

    def _what_is_kept(self) -> str:
        advice = "try a smaller rate, with --restart"
        if self._partial is None or self._saved_at is None:
            return f"nothing was saved before; {advice}"
        return (
            f"{self._partial.path} keeps step {self._saved_at}, the last good one; {advice}"
        )
