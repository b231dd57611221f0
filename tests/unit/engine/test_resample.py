from __future__ import annotations

import numpy as np
import pytest
import torch

from pictures import zone_plate
from srstream.engine.resample import enlarge, shrink


def keys(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -0.5, as MATLAB's imresize has it."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1.0
    far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def imresize_matrix(old: int, new: int) -> np.ndarray:
    """[new, old], antialiased when shrinking, borders mirrored: written from its manual."""
    scale = new / old
    stretch = min(scale, 1.0)
    centres = (np.arange(new) + 0.5) / scale - 0.5
    matrix = np.zeros((new, old))
    for row, centre in enumerate(centres):
        reach = int(np.ceil(2.0 / stretch)) + 1
        taps = np.arange(int(centre) - reach, int(centre) + reach + 1)
        weights = keys((centre - taps) * stretch)
        weights /= weights.sum()
        mirrored = np.abs(np.where(taps >= old, 2 * old - 1 - taps, taps))
        mirrored = np.where(taps < 0, -taps - 1, mirrored)
        np.add.at(matrix[row], mirrored, weights)
    return matrix


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
