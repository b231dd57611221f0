"""Moving pictures drawn by a formula, for machines without any: torch and numpy only.

Bars and rings with edges about a pixel wide, and a fine texture, under a light that is not
the same everywhere. What is drawn is known between pixels too, so it moves by parts of one.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from srstream.engine.resample import shrink

MOVES = (0.7, 1.9)
"""Rows and columns per frame."""
_LUMA = np.array([65.481, 128.553, 24.966]) / 255.0
"""Of red, green and blue in ITU-R BT.601, in 8-bit codes, without the 16 of black."""


def drawn(height: int, width: int, number: int) -> NDArray[np.uint8]:
    """Return frame `number`, [height, width, 3]."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    rows += MOVES[0] * number
    columns += MOVES[1] * number
    bars = _edge(np.sin((3 * columns + 2 * rows) * 2 * math.pi / 61), 61 / 8)
    middle = (rows - 170.0) ** 2 + (columns - 230.0) ** 2
    rings = _edge(np.sin(np.sqrt(middle) * 2 * math.pi / 37), 37 / 6)
    windows = _edge(np.sin(rows / 9.0), 3.0) * _edge(np.sin(columns / 7.0), 2.5)
    texture = np.sin(columns * 1.1 + 3 * np.sin(rows * 0.13)) * np.sin(rows * 0.9)
    light = 0.8 + 0.2 * np.sin(columns / 190.0) * np.cos(rows / 230.0)
    colours = (
        0.45 + 0.25 * bars + 0.10 * rings + 0.06 * texture,
        0.40 + 0.15 * rings + 0.20 * windows + 0.05 * texture,
        0.50 + 0.20 * windows - 0.20 * bars + 0.04 * texture,
    )
    exact = np.stack([each * light for each in colours], axis=2)
    codes: NDArray[np.uint8] = np.round(exact.clip(0, 1) * 255).astype(np.uint8)
    return codes


def made_small(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Shrink [s*h, s*w, 3] by K and round to 8 bits."""
    planes = torch.from_numpy(picture).permute(2, 0, 1)[None].double()
    small = shrink(planes, scale)[0].permute(1, 2, 0)
    codes: NDArray[np.uint8] = small.round().clamp(0, 255).to(torch.uint8).numpy()
    return codes


def decibels(truth: NDArray[np.uint8], found: NDArray[np.uint8], *, border: int) -> float:
    """Return the PSNR of the luma, with a border left out; as `evaluation.metrics`.

    That one needs Pillow.
    """
    inside = slice(border, -border)
    wrong = (truth.astype(np.float64) - found)[inside, inside] @ _LUMA
    return 10.0 * math.log10(255.0**2 / max(float(np.square(wrong).mean()), 1e-12))


def _edge(wave: NDArray[np.float64], steepness: float) -> NDArray[np.float64]:
    """Turn a wave into light and dark with edges between them."""
    edged: NDArray[np.float64] = np.tanh(steepness * wave)
    return edged
