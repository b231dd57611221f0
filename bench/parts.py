"""What one frame costs, part by part, with one preset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from bench.flops import forward_flops, step_flops
from bench.pictures import shrunk
from bench.sessions import carried_of, enlarged_in, session_of
from bench.timing import Timing, measure, timing_of
from bench.units import finished
from srstream.engine import LOSSES, SessionOptions
from srstream.engine.adapt import Trace
from srstream.engine.carried import Carried
from srstream.engine.losses import LossContext
from srstream.engine.luma import luma
from srstream.engine.nets import Net
from srstream.engine.pairs import Batch, Pairs, all_of
from srstream.engine.tensors import to_tensors
from srstream.engine.upscale import Upscaler
from srstream.evaluation.metrics import psnr_rgb, psnr_y

_LEAST = 3
"""Frames at least; one more warms up."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Of one frame."""

    forward: Timing
    """The network on the whole RGB frame, as it is and in one piece."""
    forward_luma: Timing | None
    """The same on a plane of luma, as a video has it; none: it is a network of RGB."""
    enlarge: Timing
    """Tiles, symmetries and back-projections as the preset has them."""
    pairs: Timing
    """All that a frame needs: the pyramid, and a batch for every step."""
    loss: Timing
    """Forward and backward on such a batch, without the network."""
    step: Timing
    """One batch of pairs, network, loss and Adam."""
    forward_gflop: float
    step_gflop: float

    @property
    def forward_alone(self) -> Timing:
        """On what the network learns from: luma, or RGB."""
        return self.forward if self.forward_luma is None else self.forward_luma


@dataclass(frozen=True, slots=True)
class Streamed:
    """A session's frames, one after the other."""

    frame: Timing
    """One whole `Session.step`: 8-bit pixels in, 8-bit pixels out."""
    steps: int
    """Optimiser steps per frame at most."""
    psnr_y: float
    """dB, mean over the frames: BT.601 luma, a border of `scale` left out."""
    psnr_rgb: float
    """dB, mean over the frames: 8-bit RGB, nothing left out."""


def parts_of(
    settings: SessionOptions,
    pixels: NDArray[np.uint8],
    *,
    device: torch.device,
    seconds: float,
) -> Parts:
    """Time the parts on one frame [h, w, 3].

    Args:
        settings: of the session; with a precision that is told.
        pixels: the frame, before it is enlarged.
        device: to compute on.
        seconds: to measure each part for, about.
    """
    timed = partial(measure, device=device, seconds=seconds)
    low, _ = to_tensors(pixels, device)
    carried = carried_of(settings, device)
    upscaler = Upscaler(carried.net, settings.upscale, scale=settings.scale, device=device)
    carried.net.precision = getattr(torch, settings.precision)
    is_luma = carried.net.colours == 1
    learnt = luma(low) if is_luma else low
    batches = _batches(learnt, settings, carried)
    batch = next(batches)
    return Parts(
        forward=timed(partial(_forward, carried.net, low)),
        forward_luma=timed(partial(_forward, carried.net, learnt)) if is_luma else None,
        enlarge=timed(lambda: finished(upscaler.enlarge(low))),
        pairs=timed(partial(_all_pairs, learnt, settings, carried)),
        loss=timed(_loss_call(batch.high, settings, device)),
        # Last: from the first step on the weights are others.
        step=timed(partial(next, _steps(carried, batches))),
        forward_gflop=forward_flops(carried.net, learnt) / 1e9,
        step_gflop=step_flops(carried.net, batch.low) / 1e9,
    )


def streamed(
    settings: SessionOptions,
    truths: Sequence[NDArray[np.uint8]],
    *,
    device: torch.device,
    seconds: float,
) -> Streamed:
    """Shrink pictures [s*h, s*w, 3] and enlarge them again, in one session.

    They come again and again until the time is up; only the first time is scored.
    """
    scale = settings.scale
    lows = [shrunk(truth, scale) for truth in truths]
    session = session_of(settings, device)
    for _ in enlarged_in(session, lows[:1]):
        pass
    session = session_of(settings, device)
    spent: list[float] = []
    scores: list[tuple[float, float]] = []
    for result, took in enlarged_in(session, cycle(lows)):
        if len(spent) < len(truths):
            truth = truths[len(spent)]
            scores.append((psnr_y(truth, result, border=scale), psnr_rgb(truth, result)))
        spent.append(took)
        if len(spent) >= max(len(truths), _LEAST) and sum(spent) >= seconds:
            break
    grey, colour = (fmean(column) for column in zip(*scores, strict=True))
    adapt = settings.adapt
    steps = 0 if adapt.mode == "frozen" else adapt.steps
    return Streamed(timing_of(spent), steps, grey, colour)


def _forward(net: Net, low: torch.Tensor) -> None:
    with torch.inference_mode():
        net(low)


def _batches(
    frame: torch.Tensor, settings: SessionOptions, carried: Carried
) -> Iterator[Batch]:
    return Pairs(
        frame,
        all_of(frame),
        options=settings.adapt,
        scale=settings.scale,
        generator=carried.random,
    ).batches()


def _all_pairs(frame: torch.Tensor, settings: SessionOptions, carried: Carried) -> None:
    batches = _batches(frame, settings, carried)
    for _ in range(settings.adapt.steps):
        next(batches)


def _steps(carried: Carried, batches: Iterator[Batch]) -> Iterator[None]:
    """Yield after each step, without an end."""
    while True:
        yield from carried.adapter.run(
            batches, steps=1, trace=Trace(), noise=carried.random, spent=lambda: 0.0
        )


def _loss_call(
    high: torch.Tensor, settings: SessionOptions, device: torch.device
) -> Callable[[], None]:
    """Return the loss forward and backward, on differences of this shape."""
    loss = LOSSES[LOSSES.name_of(settings.loss)].make(settings.loss, LossContext(device))
    difference = torch.randn_like(high).mul_(0.05).requires_grad_()

    def call() -> None:
        difference.grad = None
        loss(difference).backward()  # type: ignore[no-untyped-call]

    return call
