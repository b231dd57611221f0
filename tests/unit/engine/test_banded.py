from __future__ import annotations

import itertools

import pytest
import torch

from srstream.engine.banded import BLOCK, enlarge_banded
from srstream.engine.consistent import (
    enlarge_consistently,
    inverse_filter,
    line_of_enlarge_consistently,
    sharpen,
)
from srstream.engine.resample import enlarge, line_of_enlarge, resize

SIDES = [1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 41, 4 * BLOCK, 4 * BLOCK + 1, 117, 160]


def picture(height: int, width: int) -> torch.Tensor:
    shape = (2, 3, height, width)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def by_torch(low: torch.Tensor, scale: int, *, consistent: bool) -> torch.Tensor:
    """As it is computed in double precision, without blocks."""
    low = low.double()
    if consistent:
        low = sharpen(low, inverse_filter(scale))
    return resize(low, low.shape[-2] * scale, low.shape[-1] * scale)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("consistent", [False, True])
def test_it_is_the_filter_that_it_stands_for_at_all_sizes_and_borders(
    scale: int, consistent: bool
) -> None:
    make = enlarge_consistently if consistent else enlarge
    sizes = [*itertools.pairwise(SIDES), *itertools.pairwise(reversed(SIDES))]
    for height, width in sizes:
        low = picture(height, width)
        found, exact = make(low, scale), by_torch(low, scale, consistent=consistent)
        assert found.shape == exact.shape
        assert float((found.double() - exact).abs().max()) < 2e-6, (height, width)


@pytest.mark.parametrize("make", [enlarge, enlarge_consistently])
def test_a_frame_of_eight_bits_is_within_one_code_and_nearly_always_equal(
    make: object,
) -> None:
    low = (picture(90, 130) * 255).round() / 255
    found = make(low, 2)  # type: ignore[operator]
    exact = by_torch(low, 2, consistent=make is enlarge_consistently)
    codes = [(each.clamp(0, 1) * 255).round() for each in (found.double(), exact)]
    apart = (codes[0] - codes[1]).abs()
    assert float(apart.max()) <= 1.0
    assert float((apart > 0).double().mean()) < 1e-3


def test_planes_do_not_see_each_other() -> None:
    low = picture(50, 70)
    touched = low.clone()
    touched[1, 2] = 1.0
    line = line_of_enlarge_consistently
    before, after = enlarge_banded(low, 2, line), enlarge_banded(touched, 2, line)
    changed = (before != after).flatten(2).any(dim=2)
    assert changed.tolist() == [[False, False, False], [False, False, True]]


def test_it_is_the_same_bit_for_bit_each_time() -> None:
    low = picture(70, 90)
    first = enlarge_banded(low, 2, line_of_enlarge)
    assert all(
        torch.equal(enlarge_banded(low.clone(), 2, line_of_enlarge), first)
        for _ in range(3)
    )


def test_what_is_kept_serves_training_after_inference() -> None:
    size = 53  # that no other test enlarges
    with torch.inference_mode():
        enlarge(torch.rand(1, 1, size, size), 2)
    low = torch.rand(1, 1, size, size, requires_grad=True)
    enlarge(low, 2).sum().backward()  # type: ignore[no-untyped-call]
    assert low.grad is not None
    assert float(low.grad.mean()) == pytest.approx(4.0, rel=1e-4)
