from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from srstream.engine import SessionOptions, selftest
from srstream.engine.nets import LrResidualOptions
from srstream.engine.nets.lr_residual import LrResidual
from srstream.engine.selftest import PrecisionTest, compare_precisions
from srstream.engine.weights import Weights
from trained import lr_weights

WEIGHTS = lr_weights(LrResidualOptions(width=8, depth=3))
OPTIONS = SessionOptions(net=None, weights="drawn")


class Clock:
    """Tells what `forward` adds to it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def slow(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, seconds: dict[torch.dtype, float]
) -> list[tuple[int, ...]]:
    """Let a pass take so long, by the precision; return the shapes of what is passed."""
    forward: Callable[..., torch.Tensor] = LrResidual.forward
    seen = []

    def slowly(self: LrResidual, low: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(low.shape))
        clock.now += seconds[self.precision]
        return forward(self, low)

    monkeypatch.setattr(LrResidual, "forward", slowly)
    return seen


def run(clock: Clock, weights: Weights = WEIGHTS) -> PrecisionTest:
    return compare_precisions(OPTIONS, torch.device("cpu"), weights=weights, clock=clock)


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
    assert 0.0 < found.difference < 1.0


def test_a_slow_network_is_measured_on_a_part_and_only_as_long_as_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    seen = slow(monkeypatch, clock, {torch.float32: 0.3, torch.bfloat16: 0.2})
    run(clock)
    assert max(seen) == (1, 3, 270 // 4, 480 // 4)
    assert len(seen) == 6


def test_bfloat16_is_refused_where_it_is_faster_but_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = {name: 6 * np.asarray(array) for name, array in WEIGHTS.arrays.items()}
    clock = Clock()
    slow(monkeypatch, clock, {torch.float32: 0.02, torch.bfloat16: 0.01})
    found = run(clock, dataclasses.replace(WEIGHTS, arrays=large))
    assert found.difference > selftest.LARGEST_DIFFERENCE
    assert found.precision == "float32"


def test_what_is_not_a_number_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    overflowing = {
        name: np.full_like(array, 1e30) for name, array in WEIGHTS.arrays.items()
    }
    clock = Clock()
    slow(monkeypatch, clock, {torch.float32: 0.02, torch.bfloat16: 0.01})
    assert run(clock, dataclasses.replace(WEIGHTS, arrays=overflowing)).precision == (
        "float32"
    )


def test_a_network_that_has_learnt_nothing_stays_with_float32() -> None:
    options = SessionOptions(net=LrResidualOptions(width=8, depth=3))
    clock = Clock()
    found = compare_precisions(options, torch.device("cpu"), clock=clock, seconds=0.0)
    assert (found.precision, found.difference) == ("float32", 0.0)
