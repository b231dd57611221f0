from __future__ import annotations

import numpy as np
import pytest
import torch

from pictures import zone_plate
from srstream.engine.letterbox import picture_box


def barred(
    height: int, width: int, *, top: int, left: int, bottom: int = 0, right: int = 0
) -> torch.Tensor:
    """[1, 3, H, W]: a bright picture of this size with black bars around it."""
    inner = 40 + zone_plate(height, width) * 0.8
    framed = np.pad(inner, ((top, bottom), (left, right), (0, 0)))
    return torch.tensor(framed / 255.0).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_box_is_what_is_between_the_bars(scale: int) -> None:
    box = picture_box(barred(48, 60, top=12, left=24, bottom=9, right=5), scale)
    assert (box.top, box.left, box.height, box.width) == (12, 24, 48, 60)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("top", range(5))
def test_it_begins_on_the_grid_and_never_in_a_bar(top: int, scale: int) -> None:
    frame = barred(48, 60, top=top, left=0, bottom=top)
    box = picture_box(frame, scale)
    assert box.top % scale == 0
    assert top <= box.top < top + scale
    assert box.top + box.height == top + 48


def test_a_frame_without_bars_is_all_picture() -> None:
    box = picture_box(barred(48, 60, top=0, left=0), 2)
    assert (box.top, box.left, box.height, box.width) == (0, 0, 48, 60)


@pytest.mark.parametrize("level", [0.0, 0.05], ids=["black", "nearly black"])
def test_a_frame_that_is_dark_nearly_everywhere_has_no_bars(level: float) -> None:
    frame = torch.full((1, 3, 48, 60), level)
    frame[..., 20:26, 30:34] = 1.0
    box = picture_box(frame, 2)
    assert (box.top, box.left, box.height, box.width) == (0, 0, 48, 60)


def test_bars_may_be_a_little_noisy_and_of_one_channel() -> None:
    frame = barred(48, 60, top=10, left=0)[:, :1]
    frame[..., :10, :] = 0.05 * torch.rand(10, 60, generator=torch.Generator())
    assert picture_box(frame, 2).top == 10


def test_the_box_is_cut_out_as_a_view() -> None:
    frame = barred(48, 60, top=10, left=4)
    box = picture_box(frame, 2)
    assert torch.equal(box.of(frame), frame[..., 10:58, 4:64])
    assert box.of(frame).data_ptr() == frame[..., 10:, 4:].data_ptr()
