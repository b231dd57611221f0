"""Optimiser steps on one frame (paper 1, section 2.4). Takes steps, decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Generator as Work
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from srstream.engine.losses import Loss
from srstream.engine.nets import Net
from srstream.engine.options import AdaptOptions
from srstream.engine.pairs import Batch

PLATEAU_WINDOW = 25
"""Steps whose mean loss is compared; batches differ too much for fewer."""


@dataclass(slots=True)
class Trace:
    """What happened during the steps on one frame."""

    losses: list[Tensor] = field(default_factory=list)
    """One scalar per step, left on the device: reading each would stall it."""
    converged: bool = False

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.losses)


class Adapter:
    """Adam on a network's weights, and how far it is."""

    def __init__(self, net: Net, loss: Loss, options: AdaptOptions) -> None:
        self._net = net
        self._loss = loss
        self._options = options
        self.forget()

    def forget(self) -> None:
        """Start Adam anew, without moments."""
        self.optimiser = torch.optim.Adam(
            list(self._net.parameters()), lr=self._options.rate, fused=True
        )

    def run(
        self,
        batches: Iterator[Batch],
        *,
        trace: Trace,
        noise: Generator,
        spent: Callable[[], float],
    ) -> Work[None, None, None]:
        """Take the steps, a unit of work each.

        Args:
            batches: of this frame, without end.
            trace: is filled in step by step.
            noise: draws the dropout.
            spent: seconds of compute this frame's adaptation has used so far.
        """
        options = self._options
        for step in range(options.steps):
            if options.seconds is not None and spent() >= options.seconds:
                return
            self._set_rate(step)
            trace.losses.append(self._step(next(batches), noise))
            yield
            if options.plateau is not None and _is_flat(trace.losses, options.plateau):
                trace.converged = True
                return

    def loss_on(self, batch: Batch) -> float:
        """Return the loss of the present weights on a batch, without dropout."""
        with torch.no_grad():  # a loss may keep what it makes, and use it in training
            return float(self._loss_of(batch, None))

    def _step(self, batch: Batch, noise: Generator) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._loss_of(batch, noise)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.detach()

    def _loss_of(self, batch: Batch, noise: Generator | None) -> Tensor:
        difference = self._net(batch.low, noise) - batch.high
        return self._loss(difference * batch.trainable)

    def _set_rate(self, step: int) -> None:
        passed = sum(step >= milestone for milestone in self._options.milestones)
        for group in self.optimiser.param_groups:
            group["lr"] = self._options.rate / 10**passed


def _is_flat(losses: list[Tensor], share: float) -> bool:
    """True if the last window of losses is hardly below the one before it."""
    if len(losses) < 2 * PLATEAU_WINDOW or len(losses) % PLATEAU_WINDOW:
        return False
    recent = torch.stack(losses[-2 * PLATEAU_WINDOW :]).view(2, -1).mean(dim=1).tolist()
    return bool(recent[1] > recent[0] * (1.0 - share))
