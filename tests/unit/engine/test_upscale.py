from __future__ import annotations

import numpy as np
import pytest
import torch

from pictures import whole, zone_plate
from srstream.engine import upscale
from srstream.engine.nets import NETS, LrResidualOptions, Net, NetContext, ZssrStarOptions
from srstream.engine.options import UpscaleOptions
from srstream.engine.resample import enlarge, shrink
from srstream.engine.upscale import (
    Upscaler,
    apply_symmetry,
    back_project,
    undo_symmetry,
)
from srstream.errors import ResourceError
from trained import lr_net


def net(scale: int = 2) -> Net:
    made = NETS["zssr-star"].make(
        ZssrStarOptions(width=8), NetContext(3, scale, torch.Generator().manual_seed(0))
    )
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(
                torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.05
            )
    return made


def low(height: int = 75, width: int = 111) -> torch.Tensor:
    return torch.tensor(zone_plate(height, width)).permute(2, 0, 1)[None].float() / 255


def run(
    network: Net, picture: torch.Tensor, *, scale: int = 2, **options: object
) -> torch.Tensor:
    settings = UpscaleOptions(**options)  # type: ignore[arg-type]
    upscaler = Upscaler(network, settings, scale=scale, device=torch.device("cpu"))
    return whole(upscaler.enlarge(picture))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiled_equals_untiled_away_from_rounding(scale: int) -> None:
    network = net(scale)
    tiled = run(network, low(), scale=scale, tile=64)
    whole = run(network, low(), scale=scale, tile=4096)
    assert torch.allclose(tiled, whole, atol=1e-5)


def test_the_eight_symmetries_are_eight_and_each_is_undone() -> None:
    picture = torch.arange(12.0).view(1, 1, 3, 4)
    turned = [apply_symmetry(picture, symmetry) for symmetry in range(8)]
    assert len({(tuple(t.shape), tuple(t.flatten().tolist())) for t in turned}) == 8
    for symmetry, member in enumerate(turned):
        assert torch.equal(undo_symmetry(member, symmetry), picture)


@pytest.mark.parametrize("merge", ["mean", "median"])
def test_the_ensemble_merges_the_eight_turned_enlargements(merge: str) -> None:
    network, picture = net(), low(24, 30)
    members = []
    for turns in range(4):
        for mirrored in (False, True):
            turned = torch.rot90(picture, turns, (-2, -1))
            turned = turned.flip(-1) if mirrored else turned
            with torch.no_grad():
                member = network(turned)
            member = member.flip(-1) if mirrored else member
            members.append(torch.rot90(member, -turns, (-2, -1)).numpy())
    truth = getattr(np, merge)(np.stack(members), axis=0)
    result = run(network, picture, ensemble=True, merge=merge)
    np.testing.assert_allclose(result.numpy(), truth, atol=1e-5)


def test_back_projection_makes_the_enlargement_agree_with_the_input() -> None:
    picture = low(24, 30)
    blurred = enlarge(picture, 2)

    def wrong(high: torch.Tensor) -> float:
        return float((shrink(high, 2) - picture).abs().mean())

    assert wrong(whole(back_project(blurred, picture, 5))) < 0.2 * wrong(blurred)


class Greedy:
    """A network that runs out of memory on anything larger than it likes."""

    reach, maps = 2, 8

    def __init__(self, network: Net, most: int) -> None:
        self.network, self.most = network, most

    def __call__(self, picture: torch.Tensor, noise: object = None) -> torch.Tensor:
        if picture.shape[-1] > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        with torch.no_grad():
            return enlarge(picture, 2)


def test_when_memory_runs_out_the_tiles_get_smaller_and_the_picture_stays_whole() -> None:
    greedy = Greedy(net(), most=48)
    result = run(greedy, low(), tile=512)  # type: ignore[arg-type]
    assert torch.allclose(result, enlarge(low(), 2), atol=1e-6)


def test_when_even_the_smallest_tile_does_not_fit_it_says_so() -> None:
    with pytest.raises(ResourceError, match="no memory for a tile of 64"):
        run(Greedy(net(), most=8), low(), tile=512)  # type: ignore[arg-type]


class Watched:
    """Notes the sizes of what is passed to a network."""

    def __init__(self, network: Net, scale: int = 2) -> None:
        self.network, self.scale = network, scale
        self.sizes: list[tuple[int, int]] = []
        self.reach, self.maps = network.reach, network.maps
        self.precision = network.precision
        self.parameters = network.parameters

    def __call__(self, picture: torch.Tensor, noise: object = None) -> torch.Tensor:
        self.sizes.append((picture.shape[-2], picture.shape[-1]))
        return enlarge(picture, self.scale)

    def watch(self, picture: torch.Tensor) -> list[tuple[int, int]]:
        self.sizes.clear()
        run(self, picture, scale=self.scale)  # type: ignore[arg-type]
        return list(self.sizes)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_without_a_tile_a_layer_of_each_takes_no_more_than_it_may(
    precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a ribbon too, whose area counts and not its length."""
    watched = Watched(net())
    watched.precision = precision
    per_pixel = precision.itemsize * 8 * 4
    monkeypatch.setitem(upscale.LAYER_BYTES, "cpu", 4900 * per_pixel)
    run(watched, low(49, 100))  # type: ignore[arg-type]
    assert watched.sizes == [(49, 100)]
    watched.sizes.clear()
    result = run(watched, low(100, 120))  # type: ignore[arg-type]
    assert torch.allclose(result, enlarge(low(100, 120), 2), atol=1e-6)
    assert len(watched.sizes) > 1
    assert max(height * width for height, width in watched.sizes) <= 4900


def test_in_bfloat16_twice_the_area_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upscale.LAYER_BYTES, "cpu", 75 * 111 * 8 * 4 * 2)
    watched = Watched(net())
    run(watched, low())  # type: ignore[arg-type]
    assert len(watched.sizes) > 1
    watched.sizes.clear()
    watched.precision = torch.bfloat16
    run(watched, low())  # type: ignore[arg-type]
    assert watched.sizes == [(75, 111)]


@pytest.mark.parametrize(("channels", "at_once"), [(3, 2900), (1, 8200)])
def test_what_a_tile_gives_takes_no_more_than_it_may_either(
    channels: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a narrow network at x4 it takes more than any layer: 16 floats per channel."""
    monkeypatch.setitem(upscale.LAYER_BYTES, "cpu", at_once * channels * 16 * 4)
    watched = Watched(lr_net(LrResidualOptions(width=4, depth=3), 4), 4)
    watched.precision = torch.bfloat16
    sizes = watched.watch(low()[:, :channels])
    assert (len(sizes) == 1) is (at_once >= 75 * 111)
    assert 0 < max(height * width for height, width in sizes) <= at_once


def test_tiles_of_a_deep_network_are_small_for_what_they_cost_but_not_for_its_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(lr_net(LrResidualOptions(width=8, depth=4)))
    each = sum(weight.numel() for weight in watched.parameters())
    monkeypatch.setitem(upscale.MULTIPLICATIONS, "cpu", 120 * 120 * each)
    assert watched.watch(low(120, 120)) == [(120, 120)]
    sizes = watched.watch(low(200, 250))
    assert len(sizes) > 1
    assert max(height * width for height, width in sizes) <= 120 * 120
    monkeypatch.setitem(upscale.MULTIPLICATIONS, "cpu", 1.0)
    assert watched.watch(low(80, 80)) == [(80, 80)]  # 20 times the reach of 4


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_small_network_enlarges_a_small_frame_in_one_go(scale: int) -> None:
    watched = Watched(lr_net(LrResidualOptions(width=32, depth=8), scale), scale)
    for precision in (torch.float32, torch.bfloat16):
        watched.precision = precision
        assert watched.watch(low(270, 480)) == [(270, 480)]
