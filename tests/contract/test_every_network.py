"""What every network in the table promises."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from srstream.engine.nets import NETS, Net, NetContext, ZssrStarOptions
from srstream.engine.resample import enlarge


@pytest.fixture(params=list(NETS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(name: str, scale: int = 2, seed: int = 0) -> Net:
    entry = NETS[name]
    generator = torch.Generator().manual_seed(seed)
    options = dataclasses.replace(entry.options(), width=8)
    return entry.make(options, NetContext(3, scale, generator))


def picture(height: int = 18, width: int = 23) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_at_birth_it_is_bicubic_also_at_odd_sizes(name: str, scale: int) -> None:
    low = picture()
    with torch.no_grad():
        assert torch.equal(make(name, scale)(low), enlarge(low, scale))


def test_building_and_training_it_leave_the_global_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    make(name)(picture(), torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    first, second, other = make(name), make(name), make(name, seed=1)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    pairs = zip(first.parameters(), other.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs)


def test_one_step_of_adam_lowers_the_loss(name: str) -> None:
    net = make(name)
    low = picture()
    high = enlarge(low, 2) + 0.05
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)

    def loss() -> torch.Tensor:
        return (net(low) - high).square().mean()

    before = loss()
    before.backward()  # type: ignore[no-untyped-call]
    adam.step()
    assert float(loss().detach()) < float(before.detach())


def test_a_pixel_sees_no_farther_than_the_network_says(name: str) -> None:
    net = make(name)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.05)
    low = picture(41, 41)
    touched = low.clone()
    touched[:, :, 20, 20] += 0.5
    with torch.no_grad():
        moved = (net(low) != net(touched)).any(dim=1).any(dim=0).nonzero()
    centre = 20 * 2 + 0.5
    assert float((moved - centre).abs().max()) <= net.reach * 2 + 0.5


def test_dropout_drops_whole_maps_in_training_only() -> None:
    context = NetContext(3, 2, torch.Generator().manual_seed(0))
    net = NETS["zssr-star"].make(ZssrStarOptions(width=8, dropout=0.5), context)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.01)
        still = [net(picture()) for _ in range(2)]
        noisy = [net(picture(), torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(still[0], still[1])
    assert torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0], noisy[2])


def test_the_tanh_keeps_the_residual_within_one() -> None:
    for name, bounded in (("zssr-star", True), ("zssr", False)):
        net = make(name)
        with torch.no_grad():
            for weight in net.parameters():
                weight.fill_(3.0)
            residual = net(picture()) - enlarge(picture(), 2)
        assert (float(residual.abs().max()) <= 1.0 + 1e-5) is bounded


def test_in_bfloat16_too_what_has_learnt_nothing_is_its_base_exactly(name: str) -> None:
    net = make(name)
    assert net.precision == torch.float32
    net.precision = torch.bfloat16
    with torch.no_grad():
        result = net(picture())
    assert result.dtype == torch.float32
    assert torch.equal(result, enlarge(picture(), 2))


def test_bfloat16_is_close_to_float32(name: str) -> None:
    net = make(name)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.01)
        exact = net(picture())
        net.precision = torch.bfloat16
        short = net(picture())
    assert not torch.equal(short, exact)
    assert float((short - exact).abs().mean()) < 1 / 255


def test_it_takes_pictures_of_three_channels_and_of_as_many_as_it_learns_from(
    name: str,
) -> None:
    net = make(name)
    assert net.colours in (1, 3)
    for channels in (net.colours, 3):
        with torch.no_grad():
            assert net(picture()[:, :channels]).shape == (2, channels, 36, 46)


def test_a_network_says_whether_training_is_random(name: str) -> None:
    net = make(name)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.01)
        still, noisy = net(picture()), net(picture(), torch.Generator().manual_seed(0))
    assert torch.equal(still, noisy) is not net.is_noisy
