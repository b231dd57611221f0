from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator
from itertools import pairwise

import numpy as np
import pytest
import torch

from pictures import whole
from srstream.engine import SessionOptions
from srstream.engine.nets import LrResidualOptions
from srstream.engine.nets.lr_residual import LrResidual
from srstream.engine.selftest import LARGEST_DIFFERENCE, PrecisionTest, compare_precisions
from srstream.engine.weights import Weights
from trained import lr_weights

WEIGHTS = lr_weights(LrResidualOptions(width=8, depth=3))
OPTIONS = SessionOptions(net=None, weights="drawn")
FASTER = {torch.float32: 0.02, torch.bfloat16: 0.01}


class Clock:
    """Tells what `forward` adds to it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def slow(
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    seconds: dict[torch.dtype, float] = FASTER,
    *,
    spoil: Callable[[torch.Tensor], object] | None = None,
) -> list[tuple[int, ...]]:
    """Let a pass take so long, by the precision; return the shapes of what is passed.

    With `spoil` bfloat16 gives what float32 does, but for what that does to it.
    """
    forward: Callable[..., torch.Tensor] = LrResidual.forward
    seen = []

    def slowly(self: LrResidual, low: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(low.shape))
        clock.now += seconds[self.precision]
        if spoil is None or self.precision is torch.float32:
            return forward(self, low)
        self.precision = torch.float32
        high = forward(self, low)
        spoil(high)
        return high

    monkeypatch.setattr(LrResidual, "forward", slowly)
    return seen


def run(clock: Clock, weights: Weights = WEIGHTS) -> PrecisionTest:
    cpu = torch.device("cpu")
    return whole(compare_precisions(OPTIONS, cpu, weights=weights, clock=clock))


def times_larger(factor: float) -> Weights:
    arrays = {name: factor * np.asarray(array) for name, array in WEIGHTS.arrays.items()}
    return dataclasses.replace(WEIGHTS, arrays=arrays)


@pytest.mark.parametrize(("short", "better"), [(0.01, "bfloat16"), (0.03, "float32")])
def test_the_faster_precision_is_chosen(
    monkeypatch: pytest.MonkeyPatch, short: float, better: str
) -> None:
    clock = Clock()
    slow(monkeypatch, clock, {torch.float32: 0.02, torch.bfloat16: short})
    found = run(clock)
    assert found.precision == better
    assert found.float32_ms == pytest.approx(20.0)
    assert found.bfloat16_ms == pytest.approx(short * 1e3)
    assert 0.0 < found.difference < LARGEST_DIFFERENCE


def test_a_slow_network_is_measured_on_a_part_and_only_as_long_as_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    seen = slow(monkeypatch, clock, {torch.float32: 0.3, torch.bfloat16: 0.2})
    run(clock)
    assert max(seen) == (1, 3, 270 // 4, 480 // 4)
    assert len(seen) == 6


def test_others_may_compute_between_any_two_passes_and_it_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    seen = slow(monkeypatch, clock, {torch.float32: 0.2, torch.bfloat16: 0.1})
    passes = []

    def beside_others() -> Generator[None, None, PrecisionTest]:
        cpu = torch.device("cpu")
        work = compare_precisions(OPTIONS, cpu, weights=WEIGHTS, clock=clock)
        while True:
            try:
                yield next(work)
            except StopIteration as end:
                return end.value
            passes.append(len(seen))
            clock.now += 100.0

    found = whole(beside_others())
    assert max(after - before for before, after in pairwise(passes)) == 1
    assert len(seen) == 8  # for one second
    assert found.float32_ms == pytest.approx(200.0)
    assert found.bfloat16_ms == pytest.approx(100.0)


@pytest.mark.parametrize(("codes", "better"), [(0.4, "bfloat16"), (0.6, "float32")])
def test_results_agree_up_to_half_a_code(
    monkeypatch: pytest.MonkeyPatch, codes: float, better: str
) -> None:
    clock = Clock()
    slow(monkeypatch, clock, spoil=lambda high: high.add_(codes / 255))
    found = run(clock)
    assert found.difference == pytest.approx(codes, abs=1e-3)
    assert found.precision == better


def test_single_pixels_may_be_farther_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    slow(monkeypatch, clock, spoil=lambda high: high[..., ::10, ::10].add_(3 / 255))
    found = run(clock)
    assert found.difference == pytest.approx(math.sqrt(3**2 / 100), abs=1e-3)
    assert found.precision == "bfloat16"


def test_bfloat16_is_refused_where_it_is_faster_but_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    slow(monkeypatch, clock)
    found = run(clock, times_larger(6))
    assert LARGEST_DIFFERENCE < found.difference < math.inf
    assert found.precision == "float32"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_no_agreement(
    monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    clock = Clock()
    slow(monkeypatch, clock, spoil=lambda high: high[..., 5, 5].fill_(value))
    assert run(clock).precision == "float32"


def test_a_network_that_overflows_stays_with_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    slow(monkeypatch, clock)
    assert run(clock, times_larger(1e20)).precision == "float32"
