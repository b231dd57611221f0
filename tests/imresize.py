"""MATLAB's imresize along one axis, written from its manual: bicubic as others have it."""

from __future__ import annotations

import numpy as np


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
