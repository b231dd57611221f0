"""What every loss in the table promises."""

from __future__ import annotations

import pytest
import torch

from srstream.engine.losses import LOSSES, Loss, LossContext


@pytest.fixture(params=list(LOSSES))
def loss(request: pytest.FixtureRequest) -> Loss:
    entry = LOSSES[request.param]
    return entry.make(entry.options(), LossContext(torch.device("cpu")))


def noise() -> torch.Tensor:
    return torch.randn(4, 3, 32, 24, generator=torch.Generator().manual_seed(0))


def test_it_is_zero_where_nothing_is_wrong(loss: Loss) -> None:
    assert float(loss(torch.zeros(2, 3, 16, 16))) == 0.0


def test_it_is_positive_and_its_gradient_is_finite(loss: Loss) -> None:
    wrong = noise().requires_grad_()
    value = loss(wrong)
    (gradient,) = torch.autograd.grad(value, wrong)
    assert float(value.detach()) > 0.0
    assert bool(torch.isfinite(gradient).all())


def test_the_order_of_the_batch_does_not_matter(loss: Loss) -> None:
    wrong = noise()
    assert float(loss(wrong)) == pytest.approx(float(loss(wrong.flip(0))), rel=1e-5)


def test_a_larger_error_costs_more(loss: Loss) -> None:
    wrong = noise()
    assert float(loss(2 * wrong)) > float(loss(wrong))
