"""The promises of a session, on a CUDA device."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from pictures import edges, frame, whole, zone_plate
from srstream.engine import (
    PRESETS,
    AdaptOptions,
    Session,
    SessionOptions,
    compare_precisions,
)
from srstream.engine.cautious import AT_A_CUT
from srstream.engine.nets import LrResidualOptions, ZssrStarOptions
from srstream.engine.selftest import LARGEST_DIFFERENCE
from srstream.frames import Outcome
from trained import lr_weights

OPTIONS = SessionOptions(
    net=ZssrStarOptions(width=16),
    adapt=AdaptOptions(steps=20, crop=48, pairs=None, milestones=()),
)


def test_an_unadapted_network_is_bicubic_as_on_the_cpu(device: torch.device) -> None:
    frozen = dataclasses.replace(OPTIONS, adapt=AdaptOptions(mode="frozen"))
    pixels = zone_plate(61, 83)
    on_cuda = Session(frozen, device=device).step(frame(pixels)).pixels
    on_cpu = Session(frozen).step(frame(pixels)).pixels
    assert np.abs(on_cuda.astype(int) - on_cpu).max() <= 1


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_adapts_a_frame(device: torch.device, preset: str) -> None:
    short = dataclasses.replace(
        PRESETS[preset], adapt=dataclasses.replace(PRESETS[preset].adapt, steps=30)
    )
    weights = lr_weights(LrResidualOptions()) if short.weights else None
    session = Session(short, weights=weights, device=device)
    result = session.step(frame(edges(96, 128, bar=40)))
    again = session.step(frame(edges(96, 128, shift=1, bar=40)))
    assert result.pixels.shape == again.pixels.shape == (192, 256, 3)
    is_cautious = short.adapt.judge == "cautious"
    assert result.stats.steps == (AT_A_CUT * 30 if is_cautious else 30)
    assert again.stats.steps in ((0, 30) if is_cautious else (30,))  # 0: a pause
    assert {result.stats.fault, again.stats.fault} == {None}
    assert result.stats.loss_after is not None
    assert result.stats.loss_before is not None
    assert result.stats.loss_after < result.stats.loss_before * 1.5
    assert result.stats.device == "cuda:0"


@pytest.mark.parametrize("carry_moments", [False, True])
def test_a_dumped_session_continues_on_cuda(
    device: torch.device, *, carry_moments: bool
) -> None:
    pytest.importorskip("safetensors")
    options = dataclasses.replace(
        OPTIONS, adapt=dataclasses.replace(OPTIONS.adapt, carry_moments=carry_moments)
    )
    straight, other = Session(options, device=device), Session(options, device=device)
    straight.step(frame(edges(64, 64)))
    other.load(straight.dump())
    one, two = (s.step(frame(edges(64, 64, shift=5))) for s in (straight, other))
    assert one.stats.heldout_psnr_before == pytest.approx(
        two.stats.heldout_psnr_before, abs=0.01
    )


def test_no_step_waits_for_the_device(device: torch.device) -> None:
    """Between the first and the last step nothing is copied to the host."""
    session = Session(OPTIONS, device=device)
    session.step(frame(edges(64, 64)))
    session.begin(frame(edges(64, 64)))
    for _ in range(6):  # thumbnail, held-out tiles, the first loss: these are read
        session.advance(0.0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(10):
            session.advance(0.0)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    session.finish()


def test_a_frame_that_does_not_fit_is_upscaled_in_smaller_tiles(
    device: torch.device,
) -> None:
    """A ballast leaves little memory; the result equals the one with all of it."""
    pixels = zone_plate(1080, 1920)
    frozen = dataclasses.replace(
        OPTIONS,
        net=ZssrStarOptions(width=128),
        adapt=AdaptOptions(mode="frozen"),
        upscale=dataclasses.replace(OPTIONS.upscale, tile=4096),
    )
    whole = Session(frozen, device=device).step(frame(pixels))
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    ballast = torch.empty(max(free - 1_500_000_000, 0), dtype=torch.uint8, device=device)
    tiled = Session(frozen, device=device).step(frame(pixels))
    del ballast
    assert tiled.stats.outcome is not Outcome.FALLBACK
    assert np.abs(tiled.pixels.astype(int) - whole.pixels).max() <= 1


def test_bfloat16_is_within_one_code_of_the_cpu(device: torch.device) -> None:
    weights = lr_weights(LrResidualOptions())
    frozen = SessionOptions(
        net=None, weights="drawn", adapt=AdaptOptions(mode="frozen"), precision="bfloat16"
    )
    pixels = zone_plate(61, 83)
    on_cuda = Session(frozen, weights=weights, device=device).step(frame(pixels)).pixels
    exact = dataclasses.replace(frozen, precision="float32")
    on_cpu = Session(exact, weights=weights).step(frame(pixels)).pixels
    assert np.abs(on_cuda.astype(int) - on_cpu).max() <= 1


def test_the_faster_precision_is_found(device: torch.device) -> None:
    options = SessionOptions(net=None, weights="drawn")
    weights = lr_weights(LrResidualOptions())
    found = whole(compare_precisions(options, device, weights=weights))
    assert found.precision in ("float32", "bfloat16")
    assert 0.0 < found.difference < LARGEST_DIFFERENCE
