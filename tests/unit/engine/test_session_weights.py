"""Sessions that start from given weights, of luma networks, in two precisions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from pictures import edges, frame, whole, zone_plate
from srstream.engine import PRESETS, AdaptOptions, Session, SessionOptions, estimate
from srstream.engine.cautious import AT_A_CUT
from srstream.engine.losses import L1Options
from srstream.engine.nets import LrResidualOptions, ZssrOptions
from srstream.engine.resample import enlarge
from srstream.engine.state import unpack
from srstream.engine.weights import Weights, pack_weights, unpack_weights
from srstream.errors import StateError
from srstream.frames import Outcome
from trained import lr_net, lr_weights

LUMA = LrResidualOptions(width=8, depth=3)
WEIGHTS = lr_weights(LUMA)
RGB = lr_weights(LrResidualOptions(width=8, depth=3, colours="rgb"))
OPTIONS = SessionOptions(
    net=None,
    weights="drawn",
    loss=L1Options(),
    adapt=AdaptOptions(steps=6, batch=2, crop=24, pairs=None, milestones=()),
)
STREAM = [edges(40, 52, shift=3 * k) for k in range(4)]


def options(precision: str = "auto", **adapt: object) -> SessionOptions:
    changed = dataclasses.replace(OPTIONS.adapt, **adapt)  # type: ignore[arg-type]
    return dataclasses.replace(OPTIONS, adapt=changed, precision=precision)  # type: ignore[arg-type]


def codes(picture: torch.Tensor, top: int = 255) -> np.ndarray:
    """[1, C, H, W] -> [H, W, C], not rounded."""
    return picture.detach()[0].permute(1, 2, 0).clamp(0, 1).numpy().astype(float) * top


def planes(pixels: np.ndarray) -> torch.Tensor:
    top = np.iinfo(pixels.dtype).max
    return torch.tensor(pixels.astype(np.float32) / top).permute(2, 0, 1)[None]


@pytest.mark.parametrize("weights", [WEIGHTS, RGB], ids=["luma", "rgb"])
def test_a_frozen_session_enlarges_with_the_given_weights(weights: Weights) -> None:
    result = Session(options(mode="frozen"), weights=weights).step(frame(STREAM[0]))
    truth = codes(lr_net(weights.options)(planes(STREAM[0])))
    assert np.abs(result.pixels - truth).max() <= 0.5 + 1e-3
    assert result.stats.net == "lr-residual"
    assert np.abs(truth - codes(enlarge(planes(STREAM[0]), 2))).max() > 2.0


def test_weights_that_were_written_and_read_are_the_same() -> None:
    read = unpack_weights(pack_weights(WEIGHTS))
    one, two = (Session(OPTIONS, weights=weights) for weights in (WEIGHTS, read))
    assert one.dump() == two.dump()


def test_weights_of_half_precision_are_taken() -> None:
    short = {name: array.astype(np.float16) for name, array in WEIGHTS.arrays.items()}
    session = Session(OPTIONS, weights=dataclasses.replace(WEIGHTS, arrays=short))
    arrays, _ = unpack(session.dump())
    for name, array in short.items():
        assert np.array_equal(arrays[f"weight/{name}"], array.astype(np.float32))


def test_a_name_without_weights_is_refused_and_it_says_what_to_pass() -> None:
    with pytest.raises(ValueError, match=r"weights is 'drawn'.*Session\(.*weights="):
        Session(OPTIONS)
    with pytest.raises(ValueError, match="net is None"):
        Session(dataclasses.replace(OPTIONS, weights=None))


def test_weights_of_another_network_or_scale_are_refused() -> None:
    for net in (LrResidualOptions(width=9, depth=3), ZssrOptions(width=8)):
        with pytest.raises(ValueError, match=r"net is .*; the weights are of LrResidual"):
            Session(dataclasses.replace(OPTIONS, net=net), weights=WEIGHTS)
    with pytest.raises(ValueError, match="scale is 3; the weights are for 2"):
        Session(dataclasses.replace(OPTIONS, scale=3), weights=WEIGHTS)
    Session(dataclasses.replace(OPTIONS, net=LUMA), weights=WEIGHTS)


def arrays_with(**changes: np.ndarray | None) -> Weights:
    changed: dict[str, Any] = {**WEIGHTS.arrays}
    for name, array in changes.items():
        changed[name.replace("__", ".")] = array
    return dataclasses.replace(
        WEIGHTS,
        arrays={name: array for name, array in changed.items() if array is not None},
    )


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (arrays_with(head__bias=None), "head.bias is missing"),
        (arrays_with(more=np.zeros(3, np.float32)), "more is in no layer"),
        (arrays_with(head__bias=np.zeros(3, np.float32)), "head.bias is .* of shape"),
        (arrays_with(head__bias=np.full(8, np.nan, np.float32)), "head.bias is not finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_are_not_those_of_the_network_are_refused(
    damaged: Weights, message: str
) -> None:
    with pytest.raises(StateError, match=message):
        Session(OPTIONS, weights=damaged)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_replay_is_bit_identical_also_when_dumped_and_loaded(precision: str) -> None:
    settings = options(precision, carry_moments=True)
    straight, begun = (Session(settings, weights=WEIGHTS) for _ in range(2))
    for pixels in STREAM[:2]:
        one, two = straight.step(frame(pixels)), begun.step(frame(pixels))
        assert np.array_equal(one.pixels, two.pixels)
    assert straight.dump() == begun.dump()
    resumed = Session(settings, weights=WEIGHTS)
    resumed.load(begun.dump())
    for pixels in STREAM[2:]:
        one, two = straight.step(frame(pixels)), resumed.step(frame(pixels))
        assert np.array_equal(one.pixels, two.pixels)
        assert one.stats.loss_after == two.stats.loss_after
    assert straight.dump() == resumed.dump()


def test_a_state_from_other_initial_weights_is_refused() -> None:
    session = Session(OPTIONS, weights=WEIGHTS)
    other = {name: np.asarray(array) * 1.01 for name, array in WEIGHTS.arrays.items()}
    stranger = Session(OPTIONS, weights=dataclasses.replace(WEIGHTS, arrays=other))
    drawn = Session(dataclasses.replace(OPTIONS, net=LUMA, weights=None))
    for foreign in (stranger, drawn):
        with pytest.raises(StateError, match="initial_weights"):
            session.load(foreign.dump())


@pytest.mark.parametrize("base", ["bicubic", "consistent"])
def test_the_state_says_what_the_base_is(base: str) -> None:
    net = dataclasses.replace(LUMA, base=base)  # type: ignore[arg-type]
    session = Session(OPTIONS, weights=lr_weights(net))
    assert unpack(session.dump())[1]["base"] == base


def test_a_reset_goes_back_to_the_given_weights() -> None:
    session = Session(options(), weights=WEIGHTS)
    session.step(frame(STREAM[0]))
    session._carried.start_afresh()
    for name, weight in session._carried.net.named_parameters():
        assert np.array_equal(weight.detach().numpy(), WEIGHTS.arrays[name])


def test_initial_weights_that_are_unusable_themselves_give_bicubic_on_every_frame() -> None:
    """They make every pixel 0.2 brighter; a few steps do not cure that."""
    bias = np.full_like(WEIGHTS.arrays["tail.bias"], 2.0)
    session = Session(OPTIONS, weights=arrays_with(tail__bias=bias))
    for pixels in STREAM:
        result = session.step(frame(pixels))
        assert result.stats.outcome is Outcome.FALLBACK
        truth = codes(enlarge(planes(pixels), 2))
        assert np.abs(result.pixels - truth).max() <= 0.5 + 1e-3


def test_a_state_of_another_seed_is_refused() -> None:
    session = Session(OPTIONS, weights=WEIGHTS)
    other = Session(dataclasses.replace(OPTIONS, seed=1), weights=WEIGHTS)
    with pytest.raises(StateError, match="seed is 1; wanted: 0"):
        session.load(other.dump())


def test_a_luma_network_learns_from_one_channel() -> None:
    session = Session(options(judge="observe"), weights=WEIGHTS)
    shapes = set()
    step = session._carried.adapter._step

    def watched(batch: Any, noise: Any) -> torch.Tensor:
        shapes.add((tuple(batch.low.shape), tuple(batch.high.shape)))
        return step(batch, noise)

    session._carried.adapter._step = watched  # type: ignore[method-assign]
    result = session.step(frame(STREAM[0]))
    assert shapes == {((2, 1, 12, 12), (2, 1, 24, 24))}
    assert result.stats.outcome is Outcome.ADAPTED
    assert result.stats.heldout_psnr_after is not None
    assert result.pixels.shape == (80, 104, 3)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2])
def test_grey_and_the_same_in_rgb_are_learnt_from_and_enlarged_alike(
    channels: int, kind: type[np.uint8 | np.uint16]
) -> None:
    grey = np.repeat(zone_plate(40, 52)[:, :, :1], channels, axis=2).astype(kind)
    grey = (grey * (np.iinfo(kind).max // 255)).astype(kind)
    colour = np.repeat(grey[:, :, :1], 3, axis=2)
    one = Session(options(judge="observe"), weights=WEIGHTS).step(frame(grey))
    three = Session(options(judge="observe"), weights=WEIGHTS).step(frame(colour))
    assert one.pixels.shape == (80, 104, channels)
    difference = one.pixels[:, :, :1].astype(int) - three.pixels
    assert np.abs(difference).max() <= np.iinfo(kind).max // 255
    assert one.stats.loss_before == pytest.approx(three.stats.loss_before, rel=1e-3)


def test_the_first_step_tells_the_loss_before_where_nothing_is_random() -> None:
    session = Session(options(), weights=WEIGHTS)
    asked = []
    loss_on = session._carried.adapter.loss_on
    session._carried.adapter.loss_on = (  # type: ignore[method-assign]
        lambda batch: asked.append(loss_on(batch)) or asked[-1]  # type: ignore[func-returns-value]
    )
    stats = session.step(frame(STREAM[0])).stats
    assert asked == [stats.loss_after]
    assert stats.loss_before is not None
    assert stats.loss_before > 0.0


def test_bfloat16_is_within_one_code_of_float32_and_not_the_same() -> None:
    net = LrResidualOptions(width=32, depth=8)
    one, two = (
        Session(options(precision, mode="frozen"), weights=lr_weights(net))
        .step(frame(zone_plate(96, 128)))
        .pixels.astype(int)
        for precision in ("float32", "bfloat16")
    )
    assert 0 < np.abs(one - two).max() <= 1
    assert (one != two).mean() < 0.1


def test_frames_of_16_bits_are_computed_in_float32_whatever_is_set() -> None:
    pixels = zone_plate(40, 52).astype(np.uint16) * 257
    short, exact = (Session(options(p), weights=WEIGHTS) for p in ("bfloat16", "float32"))
    short.step(frame(STREAM[0]))  # and the one before in bfloat16
    exact.load(short.dump())
    one, two = short.step(frame(pixels)), exact.step(frame(pixels))
    assert np.array_equal(one.pixels, two.pixels)
    assert one.stats.loss_after == two.stats.loss_after


def test_auto_is_float32_in_the_engine() -> None:
    auto, exact = (Session(options(p), weights=WEIGHTS) for p in ("auto", "float32"))
    for pixels in STREAM[:2]:
        one, two = auto.step(frame(pixels)), exact.step(frame(pixels))
        assert np.array_equal(one.pixels, two.pixels)


def test_learning_in_bfloat16_lowers_the_loss() -> None:
    settings = options("bfloat16", steps=60, rate=3e-3, heldout=0.0)
    stats = Session(settings, weights=WEIGHTS).step(frame(STREAM[0])).stats
    assert stats.loss_before is not None
    assert stats.loss_after is not None
    assert stats.loss_after < 0.9 * stats.loss_before


def test_other_networks_compute_in_bfloat16_too() -> None:
    settings = dataclasses.replace(
        options("bfloat16"), net=ZssrOptions(width=8, depth=3), weights=None
    )
    exact = dataclasses.replace(settings, precision="float32")
    one, two = (Session(s).step(frame(STREAM[0])).pixels for s in (settings, exact))
    assert np.abs(one.astype(int) - two).max() <= 2


def test_the_presets_with_weights_leave_the_network_to_them() -> None:
    for name in ("realtime", "balanced"):
        preset = PRESETS[name]
        assert (preset.net, preset.weights) == (None, name)
        session = Session(preset, weights=WEIGHTS)
        first, second = (session.step(frame(edges(96, 96, shift=k))) for k in (0, 1))
        assert first.stats.steps == AT_A_CUT * preset.adapt.steps
        assert second.stats.steps in (0, preset.adapt.steps)  # 0: learning pauses


def test_the_time_of_a_frame_is_measured_with_the_given_weights() -> None:
    measured = whole(estimate(options(steps=3), torch.device("cpu"), weights=WEIGHTS))
    assert measured.steps == 3
    assert measured.step > 0.0
