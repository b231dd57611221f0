from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data

from imresize import imresize_matrix
from srstream.engine.consistent import TAPS, enlarge_consistently, inverse_filter, sharpen
from srstream.engine.resample import enlarge, shrink

PUBLISHED_X2 = [0.0110, -0.0323, 0.1046, -0.2425, 1.3239]
"""To four places, from the side to the middle; with their mirror images 1.0055 in sum."""


def db(error: torch.Tensor) -> float:
    return -10.0 * math.log10(float(error.square().mean()))


def photograph() -> torch.Tensor:
    """[1, 3, 480, 480] in [0, 1]."""
    pixels = data.astronaut()[:480, :480].copy()
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_filter_is_symmetric_and_sums_to_one_exactly_in_float32(scale: int) -> None:
    taps = inverse_filter(scale)
    assert len(taps) == TAPS
    assert taps == taps[::-1]
    single = np.array(taps, np.float32)
    assert np.array_equal(single.astype(float), taps)
    assert sum(taps) == 1.0
    assert np.cumsum(single, dtype=np.float32)[-1] == 1.0


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_is_the_inverse_of_matrices_written_from_the_manual_of_imresize(
    scale: int,
) -> None:
    length = 90
    there_and_back = imresize_matrix(length * scale, length) @ imresize_matrix(
        length, length * scale
    )
    row = np.linalg.inv(there_and_back)[length // 2]
    middle = row[length // 2 - TAPS // 2 : length // 2 + TAPS // 2 + 1]
    np.testing.assert_allclose(inverse_filter(scale), middle / middle.sum(), atol=1e-6)


def test_at_x2_it_has_the_published_taps() -> None:
    middle = inverse_filter(2)[TAPS // 2 - 4 : TAPS // 2 + 1]
    assert middle == pytest.approx(PUBLISHED_X2, abs=2e-3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_even_noise_shrinks_back_to_itself_but_for_two_pixels_at_the_borders(
    scale: int,
) -> None:
    noise = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    wrong = (shrink(enlarge_consistently(noise, scale), scale) - noise).abs()
    alone = (shrink(enlarge(noise, scale), scale) - noise).abs()
    assert float(wrong[..., 2:-2, 2:-2].max()) < 2e-3
    assert 0.01 < float(wrong.max()) < 0.25 * float(alone.max())


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_what_was_enlarged_shrinks_back_to_itself_away_from_borders(scale: int) -> None:
    low = shrink(photograph(), 4)
    back = shrink(enlarge_consistently(low, scale), scale)
    edge = TAPS
    assert db((back - low)[..., edge:-edge, edge:-edge]) > 55.0
    assert db(shrink(enlarge(low, scale), scale) - low) < 40.0


def test_it_gains_on_bicubic_on_a_photograph() -> None:
    high = photograph()
    low = (shrink(high, 2).clamp(0, 1) * 255).round() / 255
    gain = db(enlarge_consistently(low, 2) - high) - db(enlarge(low, 2) - high)
    assert gain > 0.8


def test_what_is_flat_stays_as_it_is_but_for_rounding() -> None:
    white = torch.full((1, 3, 5, 9), 1.0)
    assert torch.equal(sharpen(white, inverse_filter(2)), white)
    greys = torch.linspace(0, 1, 256)[:, None, None, None].expand(-1, 1, 5, 9)
    assert float((sharpen(greys, inverse_filter(2)) - greys).abs().max()) < 5e-7


def test_the_filter_is_a_convolution_with_repeated_borders() -> None:
    picture = np.random.default_rng(0).random((11, 7))
    taps = np.array(inverse_filter(3))
    padded = np.pad(picture, TAPS // 2, mode="edge")
    rows = np.array([np.convolve(row, taps, "valid") for row in padded])
    truth = np.array([np.convolve(column, taps, "valid") for column in rows.T]).T
    result = sharpen(torch.tensor(picture)[None, None], inverse_filter(3))
    np.testing.assert_allclose(result[0, 0].numpy(), truth, atol=1e-12)


def test_the_filter_of_another_degradation_undoes_that_one() -> None:
    def mean(picture: torch.Tensor, scale: int) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(picture, scale)

    low = shrink(photograph(), 4)
    taps = inverse_filter(2, mean)
    assert taps != inverse_filter(2)
    back = mean(enlarge(sharpen(low, taps), 2), 2)
    assert db((back - low)[..., TAPS:-TAPS, TAPS:-TAPS]) > 55.0
