"""How long a frame will take: measured on a made-up one, not guessed."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Generator as Work
from dataclasses import dataclass, replace

import numpy as np
import torch

from srstream.engine.options import SessionOptions
from srstream.engine.session import Session
from srstream.engine.weights import Weights
from srstream.frames import AdaptStats, Frame, FrameId, Picture

SIDE = 128
"""Of the made-up frame; larger ones take more time to upscale in proportion."""
WARMED_UP = 1.0
"""Seconds after which the first, cold frame is taken as the measure: kernels that slow
are not slowed further by being compiled."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds of compute, if nothing else runs."""

    step: float
    """One optimiser step."""
    steps: int
    """Steps per frame at most."""
    upscale_megapixel: float
    """Enlarging one megapixel of input."""

    def frame(self, width: int, height: int) -> float:
        """Return the seconds for a frame of this size."""
        return self.step * self.steps + self.upscale_megapixel * width * height / 1e6


def estimate(
    options: SessionOptions,
    device: torch.device,
    *,
    weights: Weights | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Work[None, None, Estimate]:
    """Adapt to a frame of noise with a step or two, in slices and a session of its own.

    Raises:
        ValueError, StateError: as `Session`.
    """
    adapt = options.adapt
    steps = 0 if adapt.mode == "frozen" else adapt.steps
    trial_steps = min(steps, 1)
    trial = replace(
        adapt,
        steps=trial_steps,
        heldout=0.0,
        judge="observe",
        plateau=None,
        seconds=None,
        target_fps=None,
        thread="same",
        repeats="learn",
        pairs=None,
    )
    session = Session(
        replace(options, adapt=trial), weights=weights, device=device, clock=clock
    )
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    frame = Frame(FrameId("estimate", 1, "", ""), Picture(noise))
    stats = yield from _step(session, frame)
    if stats.adapt_ms + stats.upscale_ms < 1e3 * WARMED_UP:
        stats = yield from _step(session, frame)
    step = stats.adapt_ms / 1e3 if trial_steps else 0.0
    if adapt.seconds is not None and step:
        steps = min(steps, int(adapt.seconds / step) + 1)
    return Estimate(step, steps, stats.upscale_ms / 1e3 / (SIDE * SIDE / 1e6))


def _step(session: Session, frame: Frame) -> Work[None, None, AdaptStats]:
    session.begin(frame)
    while not session.advance(0.0):
        yield
    return session.finish().stats
