from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from srstream.engine.contracts import LossContext
from srstream.engine.losses.dog import Dog, DogOptions, gaussian_matrix


def difference(seed: int = 0, side: int = 40) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed))


def dog_by_scipy(picture: np.ndarray, options: DogOptions) -> float:
    """Equation 1 of the paper with scipy's Gaussian, borders mirrored, cut at 3 sigma."""

    def blur(x: np.ndarray) -> np.ndarray:
        for axis in (-2, -1):
            x = gaussian_filter1d(x, options.sigma, axis, mode="mirror", truncate=3.0)
        return x

    def norm(x: np.ndarray) -> float:
        return float(np.abs(x).mean() if options.norm == "l1" else (x**2).mean())

    pyramid = [picture]
    for _ in range(options.levels + 1):
        pyramid.append(blur(pyramid[-1]))
    low = options.first_band
    bands = sum(norm(pyramid[i] - pyramid[i + 1]) for i in range(low, low + options.levels))
    return options.weight * bands + options.low_weight * norm(pyramid[low + options.levels])


@pytest.mark.parametrize(
    "options",
    [
        DogOptions(),
        DogOptions(levels=5, sigma=1.0, low_weight=1.0, norm="l1", first_band=0),
        DogOptions(levels=2, sigma=2.0, weight=3.0),
    ],
    ids=["text", "code", "small"],
)
def test_the_dog_loss_equals_its_formula_computed_with_scipy(
    options: DogOptions,
) -> None:
    wrong = difference()
    loss = Dog(options, LossContext(torch.device("cpu")))
    assert float(loss(wrong)) == pytest.approx(
        dog_by_scipy(wrong.numpy(), options), rel=1e-4
    )


def test_a_constant_error_is_counted_once_times_w() -> None:
    """The bands of a constant vanish; the low-pass term remains, and once."""
    loss = Dog(DogOptions(), LossContext(torch.device("cpu")))
    assert float(loss(torch.full((1, 3, 32, 32), 0.1))) == pytest.approx(
        10 * 0.01, rel=1e-4
    )


@pytest.mark.parametrize("size", [15, 16, 20, 64])
def test_the_blur_keeps_brightness_also_when_wider_than_the_picture(size: int) -> None:
    rows = gaussian_matrix(size, 8.0)
    assert torch.allclose(rows.sum(dim=1), torch.ones(size), atol=1e-6)
    assert float(rows.min()) >= 0.0


@pytest.mark.parametrize(
    "wrong", [{"levels": 0}, {"sigma": 0.1}, {"weight": -1.0}], ids=str
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DogOptions(**wrong)  # type: ignore[arg-type]
