"""A network's passes and steps, as they are and recorded as graphs: times and agreement."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice

import torch
from torch import Tensor

from bench.flops import forward_flops, step_flops
from bench.timing import Timing, measure
from bench.units import finished
from srstream.engine import LOSSES, SessionOptions
from srstream.engine.adapt import Adapter
from srstream.engine.capture import CudaRecorder
from srstream.engine.carried import Carried
from srstream.engine.graphs import Graphs
from srstream.engine.losses import LossContext
from srstream.engine.luma import luma
from srstream.engine.pairs import Batch, Pairs, all_of
from srstream.engine.upscale import Upscaler
from srstream.engine.weights import Weights

BATCHES = 4
"""Different ones, again and again."""
STEPS = 20
"""After which the weights of both ways are compared."""
UNTIL_REPLAYED = 5
"""Runs after which what can be recorded is."""


@dataclass(frozen=True, slots=True)
class Both:
    """Of one network on one device."""

    forward: Timing
    """A frame enlarged, in tiles where it is large, on the device; as it is."""
    forward_graph: Timing | None
    """Recorded; none: the device has no graphs."""
    step: Timing
    """Network, loss, gradients and Adam on a batch that is there."""
    step_graph: Timing | None
    forward_gflop: float
    step_gflop: float
    forward_apart: float | None
    """The largest difference of the two enlargements, in units of full scale."""
    weights_apart: float | None
    """That of the weights after `STEPS` steps, over the largest weight."""
    failed: tuple[str, ...]
    """Why something was not recorded."""


def both_ways(
    settings: SessionOptions,
    weights: Weights | None,
    low: Tensor,
    *,
    device: torch.device,
    seconds: float,
) -> Both:
    """Time and compare on a frame [1, C, h, w] in [0, 1].

    Args:
        settings: with a precision that is told.
        weights: to begin with; none: they are drawn.
        low: on the device; C is 3.
        device: to compute on.
        seconds: to measure each for, about.
    """
    plain = _Way(settings, weights, low, device, graphs=_never(device))
    forward = measure(plain.enlarge, device=device, seconds=seconds)
    gflop = plain.gflop(low)
    enlarged = plain.enlarge()
    learnt = plain.learnt()
    step = measure(plain.step, device=device, seconds=seconds)
    if device.type != "cuda":
        return Both(forward, None, step, None, *gflop, None, None, ())
    recorded = _Way(settings, weights, low, device, graphs=None)
    for _ in range(UNTIL_REPLAYED):
        recorded.enlarge()
    apart = float((recorded.enlarge() - enlarged).abs().max())
    weights_apart = float((recorded.learnt() - learnt).abs().max() / learnt.abs().max())
    return Both(
        forward,
        measure(recorded.enlarge, device=device, seconds=seconds),
        step,
        measure(recorded.step, device=device, seconds=seconds),
        *gflop,
        apart,
        weights_apart,
        recorded.failed(),
    )


class _Way:
    """A network with all that it needs, of weights that are always the same."""

    def __init__(
        self,
        settings: SessionOptions,
        weights: Weights | None,
        low: Tensor,
        device: torch.device,
        *,
        graphs: Graphs | None,
    ) -> None:
        carried = Carried(settings, device, weights=weights)
        for each in carried.networks:
            each.precision = getattr(torch, settings.precision)
        self._carried, self._low = carried, low
        self._upscaler = Upscaler(
            carried.published,
            settings.upscale,
            scale=settings.scale,
            device=device,
            graphs=graphs,
        )
        loss = LOSSES[LOSSES.name_of(settings.loss)].make(
            settings.loss, LossContext(device)
        )
        self._adapter = Adapter(
            carried.net, carried.weights, loss, settings.adapt, graphs=graphs
        )
        learnt = luma(low) if carried.net.colours == 1 else low
        pairs = Pairs(
            learnt,
            all_of(learnt),
            options=settings.adapt,
            scale=settings.scale,
            generator=carried.random,
        )
        self._batches = list(islice(pairs.batches(), BATCHES))
        self._next = cycle(self._batches)

    def enlarge(self) -> Tensor:
        return finished(self._upscaler.enlarge(self._low))

    def step(self) -> None:
        batch: Batch = next(self._next)
        self._adapter._step(batch, self._carried.random)  # noqa: SLF001 - one alone

    def learnt(self) -> Tensor:
        """Take `STEPS` steps, and return the weights [N] after them."""
        for _ in range(STEPS):
            self.step()
        return self._carried.weights.copy()

    def gflop(self, low: Tensor) -> tuple[float, float]:
        """Return the operations of a frame and of a step."""
        net = self._carried.net
        learnt = luma(low) if net.colours == 1 else low
        whole = forward_flops(net, learnt)
        return whole / 1e9, step_flops(net, self._batches[0].low) / 1e9

    def failed(self) -> tuple[str, ...]:
        both = self._upscaler.graphs, self._adapter.graphs
        there = [each for each in both if each is not None]
        return tuple(why for each in there for why in each.failed.values())


def _never(device: torch.device) -> Graphs | None:
    """Return graphs that record nothing; none on a CPU, where there are none anyway."""
    return Graphs(CudaRecorder(device), most=0) if device.type == "cuda" else None
