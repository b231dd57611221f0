"""Which precision is faster for a network on this device? Measured, and checked."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from srstream.engine.carried import Carried
from srstream.engine.options import SessionOptions
from srstream.engine.weights import Weights

WIDTH, HEIGHT = 480, 270
"""Of the picture that is enlarged."""
PART = 4
"""Where that takes too long, this part of its width and of its height is."""
SECONDS = 1.0
"""How long to measure, about."""
MOST_ROUNDS = 15
"""Enough for a median."""
LARGEST_DIFFERENCE = 1.0
"""In 8-bit codes: what bfloat16 may differ from float32 anywhere."""


Precise = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class PrecisionTest:
    """What was measured, and what follows."""

    precision: Precise
    """The faster one, if its results are those of float32."""
    float32_ms: float
    """One forward pass, the median of several."""
    bfloat16_ms: float
    difference: float
    """The largest between the two enlargements, in 8-bit codes; 0 without weights that
    were trained, which is why those stay with float32."""


def compare_precisions(
    options: SessionOptions,
    device: torch.device,
    *,
    weights: Weights | None = None,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> PrecisionTest:
    """Enlarge a picture in both precisions in turn, for about `seconds`. Blocks.

    To be called on the thread that will compute, prepared as for that.

    Raises:
        ValueError, StateError: as `Session`.
    """
    end = clock() + seconds
    net = Carried(options, device, weights=weights).net

    def enlarge(precision: torch.dtype, low: Tensor) -> tuple[Tensor, float]:
        net.precision = precision
        began = clock()
        with torch.inference_mode():
            high = net(low)
            float(high[0, 0, 0, 0])  # waits for the device
        return high, (clock() - began) * 1e3

    took: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    low = _picture(device)
    part = low[..., : HEIGHT // PART, : WIDTH // PART]
    cold = max(enlarge(precision, part)[1] for precision in took)
    if cold * PART**2 > seconds * 1e3:
        low = part
    exact, short = (enlarge(precision, low)[0] for precision in took)
    difference = float((exact - short).abs().max()) * 255
    for _ in range(MOST_ROUNDS):
        for precision, times in took.items():
            times.append(enlarge(precision, low)[1])
        if clock() >= end:
            break
    exact_ms, short_ms = (statistics.median(times) for times in took.values())
    # What is not a number is no agreement. Nor is no difference at all: that network has
    # learnt nothing yet, and what it will be like when it has is not known.
    is_better = 0.0 < difference <= LARGEST_DIFFERENCE and short_ms < exact_ms
    better: Precise = "bfloat16" if is_better else "float32"
    return PrecisionTest(better, exact_ms, short_ms, difference)


def _picture(device: torch.device) -> Tensor:
    """Return [1, 3, HEIGHT, WIDTH] in [0, 1]: rings that get finer, and noise."""
    rows = torch.arange(HEIGHT)[:, None]
    columns = torch.arange(WIDTH)
    rings = 0.5 + 0.4 * torch.cos((rows**2 + columns**2) * (1.5 / WIDTH))
    draw = torch.Generator().manual_seed(0)
    noise = torch.rand(3, HEIGHT, WIDTH, generator=draw)
    codes = (rings + 0.2 * (noise - 0.5)).clamp(0, 1).mul(255).round()
    return (codes / 255)[None].to(device)
