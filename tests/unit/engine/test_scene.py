from __future__ import annotations

import numpy as np
import pytest
import torch

from pictures import edges, zone_plate
from srstream.engine.scene import ALIKE, changed, difference, is_fade, is_flat, thumbnail


def picture(pixels: np.ndarray) -> torch.Tensor:
    return torch.tensor(pixels / 255.0, dtype=torch.float32).permute(2, 0, 1)[None]


def small(pixels: np.ndarray) -> torch.Tensor:
    return thumbnail(picture(pixels))


SEEN = edges(64, 80)


def test_a_thumbnail_is_the_mean_of_each_part_by_numpy() -> None:
    expected = SEEN.reshape(16, 4, 16, 5, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 255
    assert small(SEEN).numpy() == pytest.approx(expected, abs=1e-6)


def test_the_thumbnail_of_grey_is_that_of_the_same_in_rgb() -> None:
    grey = zone_plate(40, 52)[:, :, :1]
    assert torch.equal(small(grey), small(np.repeat(grey, 3, axis=2)))


def test_the_difference_is_the_mean_absolute_one() -> None:
    one, other = small(SEEN), small(zone_plate(64, 80))
    expected = np.abs(one.numpy() - other.numpy()).mean()
    assert difference(one, other) == pytest.approx(expected, rel=1e-5)
    assert difference(one, one) == 0.0


def test_another_picture_is_a_new_scene_and_the_first_one_is_none() -> None:
    assert changed(small(SEEN), small(255 - SEEN))
    assert not changed(small(SEEN), small(edges(64, 80, shift=1)))
    assert not changed(None, small(SEEN))
    assert difference(small(SEEN), small(255 - SEEN)) > ALIKE


@pytest.mark.parametrize(
    ("factor", "offset"), [(0.9, 0.0), (0.5, 0.0), (1.1, 0.0), (0.8, 40.0)], ids=str
)
def test_a_picture_that_gets_darker_or_brighter_as_a_whole_is_a_fade(
    factor: float, offset: float
) -> None:
    dimmed = (SEEN * factor + offset).clip(0, 255)
    assert is_fade(small(SEEN), small(dimmed))


def test_what_moves_or_stays_or_is_another_picture_is_no_fade() -> None:
    before = small(SEEN)
    for now in (SEEN, edges(64, 80, shift=5), zone_plate(64, 80), SEEN * 0.999):
        assert not is_fade(before, small(now))
    assert not is_fade(None, before)
    assert not is_fade(small(np.full_like(SEEN, 9)), before)


def test_a_negative_is_no_fade() -> None:
    """A slide with black letters, and then one with white ones."""
    assert not is_fade(small(SEEN), small(255 - SEEN))


def test_noise_alone_is_no_fade() -> None:
    draw = np.random.default_rng(0)
    noisy = (SEEN + draw.normal(0, 8, SEEN.shape)).clip(0, 255)
    assert not is_fade(small(SEEN), small(noisy))


@pytest.mark.parametrize("colour", [(0, 0, 0), (128, 128, 128), (255, 128, 0)], ids=str)
def test_one_colour_is_flat_and_less_than_a_code_of_texture_too(
    colour: tuple[int, int, int],
) -> None:
    plain = np.full((32, 32, 3), colour, np.uint8)
    assert is_flat(picture(plain))
    spotted = plain.copy()
    spotted[:16, :, 1] ^= 4
    assert not is_flat(picture(spotted))
