from __future__ import annotations

import numpy as np

from srstream.media.depth import to_8bit, to_16bit


def test_every_level_goes_to_the_nearest_one() -> None:
    levels = np.arange(65_536, dtype=np.uint16).reshape(256, 256, 1)
    expected = np.rint(levels.astype(np.float64) * 255 / 65_535)
    np.testing.assert_array_equal(to_8bit(levels), expected)


def test_8_bits_stay_as_they_are() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(to_8bit(levels), levels)


def test_floats_go_to_the_nearest_level_and_what_is_beyond_to_the_ends() -> None:
    values = np.array([-1, -0.2, 0, 0.25, 0.5, 0.9999, 1, 1.2, 2], np.float32)
    pixels = values.reshape(3, 3, 1)
    within = np.clip(pixels.astype(np.float64), 0, 1)
    np.testing.assert_array_equal(to_8bit(pixels), np.rint(within * 255))
    np.testing.assert_array_equal(to_16bit(pixels), np.rint(within * 65_535))
    assert (to_8bit(pixels).dtype, to_16bit(pixels).dtype) == (np.uint8, np.uint16)
    np.testing.assert_array_equal(pixels.ravel(), values)  # it was not written to


def test_every_level_of_either_depth_survives_as_a_float() -> None:
    deep = np.arange(65_536, dtype=np.uint16).reshape(256, 256, 1)
    np.testing.assert_array_equal(to_16bit((deep / 65_535).astype(np.float32)), deep)
    np.testing.assert_array_equal(to_16bit(deep), deep)
    flat = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(to_8bit((flat / 255).astype(np.float32)), flat)
