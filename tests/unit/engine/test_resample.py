from __future__ import annotations

import numpy as np
import pytest
import torch

from imresize import imresize_matrix
from pictures import zone_plate
from srstream.engine.resample import enlarge, shrink


def imresize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = imresize_matrix(picture.shape[0], height)
    columns = imresize_matrix(picture.shape[1], width)
    return np.einsum("ij,jkc,lk->ilc", rows, picture, columns)


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrink_equals_imresize_away_from_borders(scale: int) -> None:
    pixels = zone_plate(72, 96)
    ours = shrink(as_tensor(pixels), scale)[0].permute(1, 2, 0).numpy()
    truth = imresize(pixels / 255.0, 72 // scale, 96 // scale)
    np.testing.assert_allclose(ours[4:-4, 4:-4], truth[4:-4, 4:-4], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarge_equals_imresize_away_from_borders(scale: int) -> None:
    pixels = zone_plate(24, 31)
    ours = enlarge(as_tensor(pixels), scale)[0].permute(1, 2, 0).numpy()
    truth = imresize(pixels / 255.0, 24 * scale, 31 * scale)
    edge = 3 * scale
    np.testing.assert_allclose(
        ours[edge:-edge, edge:-edge], truth[edge:-edge, edge:-edge], atol=1e-5
    )
