"""Optimiser steps on one frame (paper 1, section 2.4). Takes steps, decides nothing.

On a CUDA device a step is a graph that was recorded: so all that it reads and writes stays
where it is, and forgetting, restoring and setting the rate write it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Generator as Work
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from srstream.engine.flat import FlatWeights
from srstream.engine.graphs import Graphs, graphs_on
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


class Moments(NamedTuple):
    """Adam's memory, [N] each like the weights, and the number of its steps."""

    first: Tensor
    second: Tensor
    step: Tensor


class Adapter:
    """Adam on a network's weights, and how far it is."""

    def __init__(
        self,
        net: Net,
        weights: FlatWeights,
        loss: Loss,
        options: AdaptOptions,
        *,
        graphs: Graphs | None = None,
    ) -> None:
        """Begin without moments.

        Args:
            net: is adapted.
            weights: its.
            loss: to be made small.
            options: rate, milestones, budgets.
            graphs: to record steps with; none: those of the weights' device.
        """
        self._net = net
        self._weights = weights
        self._loss = loss
        self._options = options
        self._graphs = graphs_on(weights.values.device) if graphs is None else graphs
        self._rate = options.rate
        """What the optimiser has now."""
        self._is_blank = True
        """Nothing is in its memory. Known here, since to ask the device is to wait."""
        values = weights.values.detach()
        recorded = self._graphs is not None
        # A graph has numbers in it for good, and reads tensors anew each time.
        rate = values.new_tensor(options.rate) if recorded else options.rate
        self.optimiser = torch.optim.Adam(
            [weights.values], lr=rate, fused=True, capturable=recorded
        )
        self._moments = Moments(
            torch.zeros_like(values), torch.zeros_like(values), values.new_zeros(())
        )
        self.optimiser.state[weights.values] = {
            "step": self._moments.step,
            "exp_avg": self._moments.first,
            "exp_avg_sq": self._moments.second,
        }

    @property
    def graphs(self) -> Graphs | None:
        """The recorded steps; none: they are run as they are."""
        return self._graphs

    def forget(self) -> None:
        """Start Adam anew, without moments; in place."""
        for each in self._moments:
            each.zero_()
        self._is_blank = True

    def snapshot(self) -> Moments | None:
        """Return a copy of Adam's memory; none: there is nothing in it."""
        if self._is_blank:
            return None
        return Moments(*(each.clone() for each in self._moments))

    def restore(self, kept: Moments | None) -> None:
        """Make Adam's memory as it was, in place."""
        if kept is None:
            self.forget()
            return
        for mine, other in zip(self._moments, kept, strict=True):
            mine.copy_(other)
        self._is_blank = False

    def run(
        self,
        batches: Iterator[Batch],
        *,
        steps: int,
        trace: Trace,
        noise: Generator,
        spent: Callable[[], float],
    ) -> Work[None, None, None]:
        """Take the steps, a unit of work each.

        Args:
            batches: of this frame, without end.
            steps: at most.
            trace: is filled in step by step.
            noise: draws the dropout.
            spent: seconds of compute this frame's adaptation has used so far.
        """
        options = self._options
        for step in range(steps):
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
            if self._graphs is None:
                return float(self._loss_of(None, *batch))
            key = "loss", self._net.precision
            return float(self._graphs.run(key, partial(self._loss_of, None), *batch))

    def _step(self, batch: Batch, noise: Generator) -> Tensor:
        self._is_blank = False
        if self._graphs is None:
            return self._stepped(noise, *batch)
        loss = self._graphs.run(
            ("step", self._net.precision, noise),
            partial(self._stepped, noise),
            *batch,
            generator=noise if self._net.is_noisy else None,
        )
        return loss.clone()  # the next step writes its own there

    def _stepped(
        self, noise: Generator, low: Tensor, high: Tensor, trainable: Tensor
    ) -> Tensor:
        """Take a step; what a graph records."""
        self._weights.forget_gradients()
        loss = self._loss_of(noise, low, high, trainable)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.detach()

    def _loss_of(
        self, noise: Generator | None, low: Tensor, high: Tensor, trainable: Tensor
    ) -> Tensor:
        return self._loss((self._net(low, noise) - high) * trainable)

    def _set_rate(self, step: int) -> None:
        passed = sum(step >= milestone for milestone in self._options.milestones)
        rate = self._options.rate / 10**passed
        if rate == self._rate:
            return
        self._rate = rate
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def _is_flat(losses: list[Tensor], share: float) -> bool:
    """True if the last window of losses is hardly below the one before it."""
    if len(losses) < 2 * PLATEAU_WINDOW or len(losses) % PLATEAU_WINDOW:
        return False
    recent = torch.stack(losses[-2 * PLATEAU_WINDOW :]).view(2, -1).mean(dim=1).tolist()
    return bool(recent[1] > recent[0] * (1.0 - share))
