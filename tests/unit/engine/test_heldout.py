from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pictures import zone_plate
from srstream.engine.heldout import GUARD, HeldOut, Reserved, reserve
from srstream.engine.letterbox import Box
from srstream.engine.resample import enlarge

SIZES = [(16, 16), (17, 400), (4000, 16), (61, 45), (300, 420)]


def colour(height: int, width: int) -> torch.Tensor:
    return torch.tensor(zone_plate(height, width)).permute(2, 0, 1)[None].float() / 255


def set_aside(
    frame: torch.Tensor, *, scale: int = 2, share: float = 0.0625, seed: int = 0
) -> Reserved:
    height, width = frame.shape[-2:]
    return reserve(
        frame,
        Box(0, 0, height, width),
        share=share,
        scale=scale,
        generator=torch.Generator().manual_seed(seed),
    )


def hold_out(frame: torch.Tensor, *, scale: int = 2) -> HeldOut:
    return HeldOut(frame, set_aside(frame, scale=scale), scale=scale, reach=6)


def tiles(reserved: Reserved, *, around: int = 0) -> np.ndarray:
    """[H, W]: where the tiles are, and so many pixels around them; drawn one by one."""
    held = np.zeros(reserved.size, bool)
    for top, left in reserved.corners.T.tolist():
        rows = slice(max(top - around, 0), top + reserved.side + around)
        held[rows, max(left - around, 0) : left + reserved.side + around] = True
    return held


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_about_the_asked_share_of_any_frame_is_in_the_tiles(
    size: tuple[int, int], scale: int
) -> None:
    share = tiles(set_aside(colour(*size), scale=scale)).mean()
    assert 0.0 < share <= 0.08  # tiles may overlap, so less is fine, not much more


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiles_lie_within_the_frame_and_on_the_grid_of_k(
    size: tuple[int, int], scale: int
) -> None:
    reserved = set_aside(colour(*size), scale=scale)
    corners = reserved.corners.numpy()
    assert (corners % scale == 0).all()
    assert reserved.side % scale == 0
    assert (corners.min(), reserved.size) >= (0, size)
    assert (corners + reserved.side <= np.array(size)[:, None]).all()


@pytest.mark.parametrize("size", [(61, 45), (300, 420)], ids=str)
def test_tiles_and_the_guard_band_around_them_are_not_trained_on(
    size: tuple[int, int],
) -> None:
    reserved = set_aside(colour(*size))
    trainable = reserved.trainable(*size).numpy()
    assert set(np.unique(trainable)) == {0.0, 1.0}
    assert np.array_equal(trainable == 0.0, tiles(reserved, around=reserved.guard))


@pytest.mark.parametrize("size", [(16, 16), (40, 52), (96, 96), (480, 640)], ids=str)
def test_of_small_frames_too_most_is_left_to_learn_from(size: tuple[int, int]) -> None:
    reserved = set_aside(colour(*size))
    assert float(reserved.trainable(*size).mean()) >= 0.75
    assert reserved.guard == (GUARD if min(size) >= 128 else reserved.side // 2)


def test_a_picture_within_bars_has_its_tiles_and_nothing_else_is_learnt_from() -> None:
    frame = torch.zeros(1, 3, 96, 80)
    frame[..., 20:76, 8:72] = colour(56, 64)
    box = Box(20, 8, 56, 64)
    draw = torch.Generator().manual_seed(0)
    reserved = reserve(frame, box, share=0.1, scale=2, generator=draw)
    assert reserved.size == (96, 80)
    assert (reserved.corners + reserved.side <= torch.tensor([[56], [64]])).all()
    assert reserved.trainable(56, 64).shape == (56, 64)
    in_bars = HeldOut(frame, reserved, scale=2, reach=6)
    alone = HeldOut(
        box.of(frame).clone(),
        Reserved(Box(0, 0, 56, 64), (56, 64), reserved.side, reserved.corners),
        scale=2,
        reach=6,
    )
    assert in_bars.psnr_of_bicubic() == alone.psnr_of_bicubic()


def test_another_draw_takes_other_tiles_and_the_same_draw_the_same() -> None:
    frame = colour(96, 128)
    first, again, other = (set_aside(frame, seed=seed).corners for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_bicubic_is_judged_alike_as_a_network_and_by_name() -> None:
    heldout = hold_out(colour(96, 128))
    as_network = heldout.psnr(lambda low: enlarge(low, 2))
    assert as_network == pytest.approx(heldout.psnr_of_bicubic())
    assert heldout.sheet(lambda low: enlarge(low, 2)).psnr == pytest.approx(as_network)


def test_the_windows_around_the_tiles_hide_nothing_a_network_sees() -> None:
    """By numpy on the whole frame: shrunk, enlarged by bicubic, compared at the tiles."""
    frame = colour(96, 128)
    reserved = set_aside(frame)
    low = F.interpolate(frame, size=(48, 64), mode="bicubic", antialias=True)
    high = F.interpolate(low, size=(96, 128), mode="bicubic", antialias=True).clamp(0, 1)
    wrong = ((high - frame)[0].numpy() ** 2).mean(axis=0)
    squares = [
        wrong[top : top + reserved.side, left : left + reserved.side]
        for top, left in reserved.corners.T.tolist()
    ]
    expected = -10.0 * np.log10(np.mean(squares))
    assert hold_out(frame).psnr_of_bicubic() == pytest.approx(expected, abs=0.05)
    quarters = [
        square.reshape(2, reserved.side // 2, 2, -1).mean(axis=(1, 3)).ravel()
        for square in squares
    ]
    errors = hold_out(frame).sheet(lambda small: enlarge(small, 2)).errors
    assert errors.numpy() == pytest.approx(np.concatenate(quarters), rel=0.05, abs=1e-5)


def test_only_held_out_pixels_count() -> None:
    """A network that is wrong everywhere by 0.1 scores 20 dB, whatever the picture."""
    frame = torch.full((1, 3, 64, 64), 0.5)
    heldout = hold_out(frame)

    def brighter(low: torch.Tensor) -> torch.Tensor:
        return F.interpolate(low, scale_factor=2) + 0.1

    assert heldout.psnr(brighter) == pytest.approx(20.0, abs=1e-3)
    sheet = heldout.sheet(brighter)
    assert sheet.errors.numpy() == pytest.approx(0.01, rel=1e-4)
    # K gives back what is flat: all of it is below, and all of it beyond.
    assert sheet.below.numpy() == pytest.approx(0.1, rel=1e-4)
    assert sheet.beyond.numpy() == pytest.approx(0.1, rel=1e-4)


def test_a_perfect_network_scores_infinity_and_a_broken_one_nan() -> None:
    frame = torch.zeros(1, 3, 64, 64)
    heldout = hold_out(frame)
    assert heldout.psnr(lambda low: F.interpolate(low, scale_factor=2)) == math.inf
    broken = heldout.psnr(lambda low: F.interpolate(low, scale_factor=2) * math.nan)
    assert math.isnan(broken)
    sheet = heldout.sheet(lambda low: F.interpolate(low, scale_factor=2) * math.nan)
    assert math.isnan(sheet.psnr)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_exam_can_be_held_on_a_frame_of_any_size(
    size: tuple[int, int], scale: int
) -> None:
    frame = colour(*size)
    heldout = HeldOut(frame, set_aside(frame, scale=scale), scale=scale, reach=10)
    sheet = heldout.sheet(lambda low: enlarge(low, scale))
    for part in (sheet.errors, sheet.below, sheet.beyond):
        assert part.numel()
        assert torch.isfinite(part).all()


def test_the_tiles_lie_where_the_texture_is() -> None:
    """Half of the frame is sky: nothing is held out there."""
    frame = colour(128, 128)
    frame[..., :, :64] = 0.7
    held = tiles(set_aside(frame))
    assert held[:, 80:].any()
    assert not held[:, :32].any()
