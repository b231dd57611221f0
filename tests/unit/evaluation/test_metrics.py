from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.metrics
from PIL import Image

from srstream.evaluation.metrics import bicubic, psnr_rgb, psnr_y, ssim_y


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    photo = skimage.data.astronaut()[:60, 100:180]
    wrong = photo + np.random.default_rng(2).normal(0, 9, photo.shape)
    return photo, wrong.round().clip(0, 255).astype(np.uint8)


def luma(pixels: np.ndarray) -> np.ndarray:
    return skimage.color.rgb2ycbcr(pixels)[..., 0]


@pytest.mark.parametrize("border", [0, 2, 4])
def test_psnr_of_luma_is_that_of_scikit_image(
    pair: tuple[np.ndarray, np.ndarray], border: int
) -> None:
    inside = np.s_[border : 60 - border, border : 80 - border]
    expected = skimage.metrics.peak_signal_noise_ratio(
        luma(pair[0])[inside], luma(pair[1])[inside], data_range=255
    )
    assert psnr_y(*pair, border=border) == pytest.approx(expected, abs=1e-6)


def test_psnr_of_colours_is_that_of_scikit_image(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    expected = skimage.metrics.peak_signal_noise_ratio(*pair)
    assert psnr_rgb(*pair) == pytest.approx(expected, abs=1e-9)


def test_ssim_is_that_of_the_formula(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Wang et al. 2004, with the window written out: no padding, so no borders."""
    a, b = (luma(pixels)[3:-3, 3:-3] for pixels in pair)
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2

    def blurred(values: np.ndarray) -> np.ndarray:
        patches = np.lib.stride_tricks.sliding_window_view(values, (11, 11))
        return (patches * window).sum((-1, -2))

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = blurred(a), blurred(b)
    variances = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    ssim = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variances + c2)
    )
    assert ssim_y(*pair, border=3) == pytest.approx(ssim.mean(), abs=1e-9)


def test_equal_pictures_are_infinitely_close() -> None:
    pixels = skimage.data.astronaut()[:20, :20]
    assert psnr_y(pixels, pixels, border=2) == math.inf
    assert psnr_rgb(pixels, pixels) == math.inf
    assert ssim_y(pixels, pixels, border=2) == pytest.approx(1.0)


def test_black_and_white_are_219_levels_of_luma_apart() -> None:
    black, white = (np.full((4, 4, 3), level, np.uint8) for level in (0, 255))
    assert psnr_y(black, white, border=0) == pytest.approx(20 * math.log10(255 / 219))
    assert psnr_rgb(black, white) == 0.0


def test_grey_is_repeated_and_alpha_left_out(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    a, b = pair
    alpha = np.random.default_rng(0).integers(0, 256, (60, 80, 1)).astype(np.uint8)
    assert psnr_rgb(np.dstack([a, alpha]), b) == psnr_rgb(a, b)
    grey_a, grey_b = a[:, :, :1], b[:, :, :1]
    repeated = psnr_y(grey_a.repeat(3, 2), grey_b.repeat(3, 2), border=2)
    assert psnr_y(grey_a, grey_b, border=2) == repeated
    assert psnr_y(np.dstack([grey_a, alpha]), grey_b, border=2) == repeated
    assert psnr_rgb(grey_a, grey_a.repeat(3, 2)) == math.inf


def test_other_sizes_are_refused_naming_both() -> None:
    a, b = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)
    for measure in (
        lambda: psnr_y(a, b, border=0),
        lambda: psnr_rgb(a, b),
        lambda: ssim_y(a, b, border=0),
    ):
        with pytest.raises(ValueError, match="5x4 and 6x4"):
            measure()


def test_16_bits_are_refused() -> None:
    a, b = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 3), np.uint16)
    with pytest.raises(ValueError, match="both must be uint8"):
        psnr_rgb(a, b)


def test_a_border_that_leaves_nothing_is_refused() -> None:
    a = np.zeros((8, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="a border of 2 leaves nothing of 4x8"):
        psnr_y(a, a, border=2)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_that_of_pillow_on_8_bits_but_for_rounding(scale: int) -> None:
    pixels = skimage.data.astronaut()[:31, :23]
    by_pillow = Image.fromarray(pixels).resize(
        (23 * scale, 31 * scale), Image.Resampling.BICUBIC
    )
    enlarged = bicubic(pixels, scale)
    assert enlarged.shape == (31 * scale, 23 * scale, 3)
    difference = enlarged.astype(int) - np.asarray(by_pillow)
    assert np.abs(difference).max() <= 1


def test_bicubic_is_the_cubic_of_keys_with_a_half() -> None:
    row = np.array([10, 40, 200, 90, 30, 70, 20, 50], np.float64)

    def keys(x: float) -> float:
        x = abs(x)
        if x < 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    pixels = np.tile(row.astype(np.uint8), (8, 1))[:, :, None]
    enlarged = bicubic(pixels, 2)[8, :, 0]
    for place in range(6, 10):  # away from the borders
        centre = (place + 0.5) / 2 - 0.5
        exact = sum(row[i] * keys(centre - i) for i in range(8))
        assert enlarged[place] == pytest.approx(exact, abs=0.51)


def test_bicubic_of_16_bits_is_that_of_8_and_channels_do_not_mix() -> None:
    pixels = skimage.data.astronaut()[:16, :16]
    wide = np.dstack([pixels, pixels[:, :, :1]]).astype(np.uint16) * 257
    enlarged = bicubic(wide, 2)
    assert enlarged.dtype == np.uint8
    np.testing.assert_array_equal(enlarged[:, :, :3], bicubic(pixels, 2))
    np.testing.assert_array_equal(enlarged[:, :, 3:], bicubic(pixels[:, :, :1], 2))


def test_bicubic_of_floats_is_that_of_8_bits() -> None:
    pixels = skimage.data.astronaut()[:16, :16]
    enlarged = bicubic((pixels / 255).astype(np.float32), 2)
    difference = enlarged.astype(int) - bicubic(pixels, 2)
    assert enlarged.dtype == np.uint8
    assert np.abs(difference).max() <= 1  # where half a level is rounded
