from __future__ import annotations

import numpy as np
import pytest
import torch

from imresize import imresize_matrix
from pictures import zone_plate
from srstream.engine.resample import enlarge, resize, shrink


def imresize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = imresize_matrix(picture.shape[0], height)
    columns = imresize_matrix(picture.shape[1], width)
    return np.einsum("ij,jkc,lk->ilc", rows, picture, columns)


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("width", [96, 144])
def test_shrink_equals_imresize_away_from_borders(width: int, scale: int) -> None:
    pixels = zone_plate(72, width)
    ours = shrink(as_tensor(pixels), scale)[0].permute(1, 2, 0).numpy()
    truth = imresize(pixels / 255.0, 72 // scale, width // scale)
    np.testing.assert_allclose(ours[4:-4, 4:-4], truth[4:-4, 4:-4], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_crops_are_shrunk_as_pictures_are_up_to_the_border(scale: int) -> None:
    crops = torch.rand(3, 2, 12 * scale, 7 * scale)
    torch.testing.assert_close(
        shrink(crops, scale), resize(crops, 12, 7), atol=1e-6, rtol=0
    )


def test_what_is_kept_for_shrinking_serves_training_after_inference() -> None:
    size = 2 * 23  # that no other test shrinks
    with torch.inference_mode():
        shrink(torch.rand(1, 1, size, size), 2)
    crop = torch.rand(1, 1, size, size, requires_grad=True)
    shrink(crop, 2).sum().backward()
    assert crop.grad is not None


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarge_equals_imresize_away_from_borders(scale: int) -> None:
    pixels = zone_plate(24, 31)
    ours = enlarge(as_tensor(pixels), scale)[0].permute(1, 2, 0).numpy()
    truth = imresize(pixels / 255.0, 24 * scale, 31 * scale)
    edge = 3 * scale
    np.testing.assert_allclose(
        ours[edge:-edge, edge:-edge], truth[edge:-edge, edge:-edge], atol=1e-5
    )
