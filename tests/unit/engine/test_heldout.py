from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from pictures import zone_plate
from srstream.engine.heldout import HeldOut
from srstream.engine.resample import enlarge


def colour(height: int, width: int) -> torch.Tensor:
    return torch.tensor(zone_plate(height, width)).permute(2, 0, 1)[None].float() / 255


def hold_out(frame: torch.Tensor, *, scale: int = 2, share: float = 0.0625) -> HeldOut:
    generator = torch.Generator().manual_seed(0)
    return HeldOut(frame, share=share, scale=scale, margin=12, generator=generator)


@pytest.mark.parametrize(
    "size", [(16, 16), (17, 400), (4000, 16), (61, 45), (300, 420)], ids=str
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_about_the_asked_share_of_any_frame_is_held_out(
    size: tuple[int, int], scale: int
) -> None:
    held = 1.0 - hold_out(colour(*size), scale=scale).trainable
    share = float(held.mean())
    assert 0.0 < share <= 0.08  # tiles may overlap, so less is fine, not much more


def test_bicubic_is_judged_alike_as_a_network_and_by_name() -> None:
    heldout = hold_out(colour(96, 128))
    as_network = heldout.psnr(lambda low: enlarge(low, 2))
    assert as_network == pytest.approx(heldout.psnr_of_bicubic())


def test_only_held_out_pixels_count() -> None:
    """A network that is wrong everywhere by 0.1 scores 20 dB, whatever the picture."""
    frame = torch.full((1, 3, 64, 64), 0.5)
    heldout = hold_out(frame)
    assert heldout.psnr(lambda low: F.interpolate(low, scale_factor=2) + 0.1) == (
        pytest.approx(20.0, abs=1e-3)
    )


def test_a_perfect_network_scores_infinity_and_a_broken_one_nan() -> None:
    frame = torch.zeros(1, 3, 64, 64)
    heldout = hold_out(frame)
    assert heldout.psnr(lambda low: F.interpolate(low, scale_factor=2)) == math.inf
    broken = heldout.psnr(lambda low: F.interpolate(low, scale_factor=2) * math.nan)
    assert math.isnan(broken)


def test_the_tiles_lie_where_the_texture_is() -> None:
    """Half of the frame is sky: nothing is held out there."""
    frame = colour(128, 128)
    frame[..., :, :64] = 0.7
    held = 1.0 - hold_out(frame).trainable
    assert float(held[..., :, 80:].sum()) > 0.0
    assert float(held[..., :, :32].sum()) == 0.0
