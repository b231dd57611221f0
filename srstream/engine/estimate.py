"""How long a frame will take: measured on a made-up frame, not guessed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from srstream.engine.options import SessionOptions
from srstream.engine.session import Session
from srstream.frames import Frame, FrameId, Picture

SIDE = 256
"""Of the made-up frame; larger ones take more time to upscale in proportion."""


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
    clock: Callable[[], float] = time.perf_counter,
) -> Estimate:
    """Adapt to a few frames of noise with these options, in a session of its own.

    Takes about four steps and two enlargements; the first of each warms up.
    """
    adapts = options.adapt.mode != "frozen" and options.adapt.steps > 0
    trial_steps = min(options.adapt.steps, 2) if adapts else 0
    trial = replace(
        options,
        adapt=replace(
            options.adapt,
            steps=trial_steps,
            heldout=0.0,
            plateau=None,
            seconds=None,
            pairs=None,
        ),
    )
    session = Session(trial, device=device, clock=clock)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    stats = [
        session.step(Frame(FrameId("estimate", seq, "", ""), Picture(noise))).stats
        for seq in range(2)
    ][-1]
    step = stats.adapt_ms / 1e3 / max(trial_steps, 1) if adapts else 0.0
    steps = options.adapt.steps if adapts else 0
    if options.adapt.seconds is not None and step > 0:
        steps = min(steps, int(options.adapt.seconds / step) + 1)
    return Estimate(step, steps, stats.upscale_ms / 1e3 / (SIDE * SIDE / 1e6))
