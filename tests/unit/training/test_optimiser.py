from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from srstream.errors import StateError
from srstream.training.optimiser import Optimiser, orthogonalise

Matrix = NDArray[np.float64]


def chain(width: int = 6) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, width, 3), nn.Conv2d(width, width, 3), nn.Conv2d(width, 4, 3)]
    net = nn.Sequential(layers[0], layers[1], nn.Conv2d(width, width, 3), layers[2])
    return net.to(memory_format=torch.channels_last)


def give_gradients(net: nn.Module, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        drawn = torch.randn(parameter.shape, generator=random)
        parameter.grad = torch.empty_like(parameter).copy_(drawn)  # as autograd lays it


def newton_schulz(matrix: Matrix) -> Matrix:
    """Jordan et al. 2024, as published."""
    x = matrix / np.linalg.norm(matrix)
    if x.shape[0] > x.shape[1]:
        return newton_schulz(matrix.T).T
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", [(6, 54), (54, 6), (8, 8)])
def test_a_matrix_becomes_orthogonal_as_published(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).normal(size=shape)
    ours = orthogonalise(torch.from_numpy(matrix).float()[None])[0].numpy()
    assert np.allclose(ours, newton_schulz(matrix), atol=1e-4)
    values = np.linalg.svd(ours, compute_uv=False)
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_inner_kernels_take_the_step_of_muon_and_the_rest_that_of_adam() -> None:
    net = chain()
    before = {k: p.detach().numpy().astype(np.float64) for k, p in net.named_parameters()}
    optimiser = Optimiser(net.named_parameters(), rate=0.01, muon_rate=0.02)
    kernel, momentum = before["1.weight"].copy(), np.zeros((6, 54))
    rest = {k: v.copy() for k, v in before.items() if k not in ("1.weight", "2.weight")}
    first, second = ({k: np.zeros_like(v) for k, v in rest.items()} for _ in range(2))
    for step in range(1, 4):
        give_gradients(net, step)
        gradients: dict[str, Any] = {
            k: p.grad.numpy().astype(np.float64)
            for k, p in net.named_parameters()
            if p.grad is not None
        }
        optimiser.step(0.5)
        gradient = gradients["1.weight"].reshape(6, 54)
        momentum = 0.95 * momentum + 0.05 * gradient
        ahead = 0.05 * gradient + 0.95 * momentum
        size = 0.2 * np.sqrt(54)
        kernel -= 0.01 * size * newton_schulz(ahead).reshape(kernel.shape)
        for k in rest:
            first[k] = 0.9 * first[k] + 0.1 * gradients[k]
            second[k] = 0.999 * second[k] + 0.001 * gradients[k] ** 2
            root = np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8
            rest[k] -= 0.005 * first[k] / (1 - 0.9**step) / root
    found = {k: p.detach().numpy() for k, p in net.named_parameters()}
    assert np.allclose(found["1.weight"], kernel, atol=1e-5)
    for k, wanted in rest.items():
        assert np.allclose(found[k], wanted, atol=1e-5), k


def test_without_a_rate_for_muon_adam_takes_them_all() -> None:
    net = chain()
    optimiser = Optimiser(net.named_parameters(), rate=0.01, muon_rate=0.0)
    give_gradients(net, 1)
    optimiser.step(1.0)
    assert not [name for name in optimiser.arrays() if name.startswith("muon/")]


def test_it_goes_on_as_if_it_had_never_stopped() -> None:
    whole, stopped = chain(), chain()
    one = Optimiser(whole.named_parameters(), rate=0.01, muon_rate=0.02)
    two = Optimiser(stopped.named_parameters(), rate=0.01, muon_rate=0.02)
    for seed in (1, 2):
        for net, optimiser in ((whole, one), (stopped, two)):
            give_gradients(net, seed)
            optimiser.step(1.0)
    kept = two.arrays()
    copy = {name: array.copy() for name, array in kept.items()}
    third = Optimiser(stopped.named_parameters(), rate=0.01, muon_rate=0.02)
    third.load(kept)
    for net, optimiser in ((whole, one), (stopped, third)):
        give_gradients(net, 3)
        optimiser.step(1.0)
    for a, b in zip(whole.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(a, b)
    two.step(1.0)
    assert all(np.array_equal(kept[name], copy[name]) for name in kept)


def test_moments_that_do_not_fit_are_refused() -> None:
    small, large = chain(4), chain(6)
    for net in (small, large):
        give_gradients(net, 1)
    one = Optimiser(small.named_parameters(), rate=0.01, muon_rate=0.02)
    two = Optimiser(large.named_parameters(), rate=0.01, muon_rate=0.02)
    one.step(1.0)
    with pytest.raises(StateError, match=r"muon/1.weight is float32 of shape \(4, 36\)"):
        two.load(one.arrays())
    with pytest.raises(StateError, match="is missing"):
        two.load({})
