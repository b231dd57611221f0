from __future__ import annotations

import dataclasses

import pytest
import torch

from pictures import whole, zone_plate
from srstream.engine.consistent import enlarge_consistently
from srstream.engine.luma import luma
from srstream.engine.nets import NETS, LrResidualOptions, NetContext
from srstream.engine.options import UpscaleOptions
from srstream.engine.resample import enlarge
from srstream.engine.upscale import Upscaler
from trained import lr_net

SMALL = LrResidualOptions(width=12, depth=4)
BASES = {"bicubic": enlarge, "consistent": enlarge_consistently}
COLOURS = ["luma", "rgb"]


def options(**changes: object) -> LrResidualOptions:
    return dataclasses.replace(SMALL, **changes)  # type: ignore[arg-type]


def picture(height: int = 41, width: int = 57) -> torch.Tensor:
    return torch.tensor(zone_plate(height, width)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_at_birth_it_is_its_base(scale: int, colours: str, base: str) -> None:
    context = NetContext(3, scale, torch.Generator().manual_seed(0))
    net = NETS["lr-residual"].make(options(colours=colours, base=base), context)
    assert net.base == base
    with torch.no_grad():
        assert torch.equal(net(picture()), BASES[base](picture(), scale))


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("scale", [2, 3])
def test_the_residual_is_that_of_plain_layers_and_a_pixel_shuffle(
    scale: int, colours: str
) -> None:
    net = lr_net(options(colours=colours), scale)
    named = {name: weight.detach() for name, weight in net.named_parameters()}
    features = (luma(picture()) if colours == "luma" else picture()) - 0.5
    layers = ["head", "hidden.0", "hidden.1"]
    for name in layers:
        weight, bias = named[f"{name}.weight"], named[f"{name}.bias"]
        features = torch.conv2d(features, weight, bias, padding=1).clamp(min=0)
    last = torch.conv2d(features, named["tail.weight"], named["tail.bias"], padding=1)
    truth = enlarge(picture(), scale) + 0.1 * torch.pixel_shuffle(last, scale)
    assert len(named) == 2 * (len(layers) + 1)
    assert torch.allclose(net(picture()).detach(), truth, atol=1e-6)
    assert float((truth - enlarge(picture(), scale)).abs().max()) > 0.01


def test_hidden_layers_begin_near_the_identity() -> None:
    net = lr_net(options(width=32, depth=3))
    kernels = dict(net.named_parameters())["hidden.0.weight"].detach()
    identity = torch.zeros_like(kernels)
    identity[range(32), range(32), 1, 1] = 1.0
    noise = kernels - identity
    assert float(noise.std()) == pytest.approx(0.5 * (2 / (32 * 9)) ** 0.5, rel=0.05)
    assert abs(float(noise.mean())) < 0.002


def test_luma_adds_the_same_to_all_three_so_that_chroma_is_that_of_the_base() -> None:
    net = lr_net(SMALL)
    with torch.no_grad():
        added = net(picture()) - enlarge(picture(), 2)
    assert float(added.abs().max()) > 0.01
    assert torch.allclose(added[:, 0], added[:, 1], atol=2e-7)
    assert torch.allclose(added[:, 0], added[:, 2], atol=2e-7)


@pytest.mark.parametrize("base", BASES)
def test_a_plane_of_luma_is_enlarged_as_the_luma_of_the_picture(base: str) -> None:
    net = lr_net(options(base=base))
    with torch.no_grad():
        alone, within = net(luma(picture())), luma(net(picture()))
    assert alone.shape == (1, 1, 82, 114)
    assert torch.allclose(alone, within, atol=2e-6)


def test_grey_is_enlarged_alike_as_one_plane_and_as_three() -> None:
    net, grey = lr_net(SMALL), picture()[:, :1]
    with torch.no_grad():
        alone, repeated = net(grey), net(grey.expand(-1, 3, -1, -1))
    assert torch.allclose(alone.expand(-1, 3, -1, -1), repeated, atol=2e-6)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiles_give_what_the_whole_gives(scale: int, colours: str, base: str) -> None:
    net = lr_net(options(colours=colours, base=base), scale)
    parts = [
        whole(
            Upscaler(
                net, UpscaleOptions(tile=tile), scale=scale, device=torch.device("cpu")
            ).enlarge(picture(90, 70))
        )
        for tile in (64, 4096)
    ]
    # At x3 the places of the taps are rounded otherwise at other places.
    assert torch.allclose(*parts, atol=5e-6)


@pytest.mark.parametrize(
    ("depth", "base", "reach"), [(4, "bicubic", 4), (2, "bicubic", 2), (4, "consistent", 8)]
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_its_reach_is_exact(scale: int, depth: int, base: str, reach: int) -> None:
    net = lr_net(options(depth=depth, base=base), scale)
    assert net.reach == reach
    touched = picture(41, 41)
    touched[..., 20, 20] += 0.5
    with torch.no_grad():
        moved = (net(touched) != net(picture(41, 41))).any(dim=1)[0].nonzero() // scale
    assert int((moved - 20).abs().max()) == reach


@pytest.mark.parametrize(
    ("changes", "scale", "maps"),
    [({}, 2, 12), ({"colours": "rgb"}, 2, 12), ({"colours": "rgb"}, 4, 48), ({}, 4, 16)],
    ids=str,
)
def test_its_widest_layer_may_be_the_last(
    changes: dict[str, object], scale: int, maps: int
) -> None:
    assert lr_net(options(**changes), scale).maps * scale**2 == maps


@pytest.mark.parametrize("colours", COLOURS)
def test_in_bfloat16_it_is_within_one_code_and_its_base_is_exact(colours: str) -> None:
    net = lr_net(options(colours=colours, width=32, depth=8))
    with torch.no_grad():
        exact = net(picture())
        net.precision = torch.bfloat16
        short = net(picture())
        for weight in net.parameters():
            weight.zero_()
        assert torch.equal(net(picture()), enlarge(picture(), 2))
    assert short.dtype == torch.float32
    assert 0.0 < float((short - exact).abs().max()) * 255 < 1.0
    assert float((short - exact).abs().mean()) * 255 < 0.1


def test_steps_in_bfloat16_change_the_weights_in_float32() -> None:
    net = lr_net(SMALL)
    net.precision = torch.bfloat16
    net(picture()).square().mean().backward()  # type: ignore[no-untyped-call]
    for weight in net.parameters():
        assert weight.dtype == torch.float32
        assert weight.grad is not None
        assert weight.grad.dtype == torch.float32


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"depth": 1}, {"colours": "grey"}, {"base": "none"}], ids=str
)
def test_options_out_of_range_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} is .*; allowed: "):
        options(**wrong)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("width", [24, 23])
def test_without_gradients_it_computes_the_same_in_another_way(
    scale: int, width: int
) -> None:
    net = lr_net(LrResidualOptions(width=8, depth=3), scale)
    low = torch.rand(2, 1, 9, width, generator=torch.Generator().manual_seed(1))
    expected = net(low)
    assert expected.requires_grad
    with torch.inference_mode():
        assert torch.allclose(net(low), expected, rtol=0, atol=1e-6)
