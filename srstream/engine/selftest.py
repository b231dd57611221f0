"""Which precision is faster for a network on this device? Measured, and checked."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from collections.abc import Generator as Work
from dataclasses import dataclass
from typing import Literal, NamedTuple

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
LARGEST_DIFFERENCE = 0.5
"""In 8-bit codes, root mean square: what bfloat16 may differ from float32. Rounding to
8 bits alone is 1/sqrt(12) = 0.29."""


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
    """Between the two enlargements before they are rounded: root mean square, in 8-bit
    codes; not finite where one of them is not."""


def compare_precisions(
    options: SessionOptions,
    device: torch.device,
    *,
    weights: Weights,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Work[None, None, PrecisionTest]:
    """Enlarge a picture in both precisions in turn, pass by pass, for about `seconds`.

    What others compute between two passes does not count. To be run on the thread that
    will compute, prepared as for that. Without trained weights there is nothing to test: a
    new network gives its base in either precision, whatever it will be like later.

    Raises:
        ValueError, StateError: as `Session`.
    """
    net = Carried(options, device, weights=weights).net
    spent = 0.0

    def enlarge(precision: torch.dtype, low: Tensor) -> Work[None, None, _Pass]:
        nonlocal spent
        net.precision = precision
        began = clock()
        with torch.inference_mode():
            high = net(low)
            float(high[0, 0, 0, 0])  # waits for the device
        took = clock() - began
        spent += took
        yield
        return _Pass(high, took * 1e3)

    low = _picture(device)
    part = low[..., : HEIGHT // PART, : WIDTH // PART]
    yield
    exact = yield from enlarge(torch.float32, part)
    short = yield from enlarge(torch.bfloat16, part)
    if max(exact.ms, short.ms) * PART**2 > seconds * 1e3:
        low = part
    exact = yield from enlarge(torch.float32, low)
    short = yield from enlarge(torch.bfloat16, low)
    difference = float((exact.high - short.high).square().mean().sqrt()) * 255
    exact_times, short_times = [], []
    for _ in range(MOST_ROUNDS):
        exact_times.append((yield from enlarge(torch.float32, low)).ms)
        short_times.append((yield from enlarge(torch.bfloat16, low)).ms)
        if spent >= seconds:
            break
    exact_ms, short_ms = statistics.median(exact_times), statistics.median(short_times)
    # What is not a number is no agreement.
    is_better = difference <= LARGEST_DIFFERENCE and short_ms < exact_ms
    better: Precise = "bfloat16" if is_better else "float32"
    return PrecisionTest(better, exact_ms, short_ms, difference)


class _Pass(NamedTuple):
    high: Tensor
    ms: float


def _picture(device: torch.device) -> Tensor:
    """Return [1, 3, HEIGHT, WIDTH] in [0, 1]: rings that get finer, and noise."""
    rows = torch.arange(HEIGHT)[:, None]
    columns = torch.arange(WIDTH)
    rings = 0.5 + 0.4 * torch.cos((rows**2 + columns**2) * (1.5 / WIDTH))
    draw = torch.Generator().manual_seed(0)
    noise = torch.rand(3, HEIGHT, WIDTH, generator=draw)
    codes = (rings + 0.2 * (noise - 0.5)).clamp(0, 1).mul(255).round()
    return (codes / 255)[None].to(device)
