from __future__ import annotations

import numpy as np

from srstream.media.depth import to_8bit


def test_every_level_goes_to_the_nearest_one() -> None:
    levels = np.arange(65_536, dtype=np.uint16).reshape(256, 256, 1)
    expected = np.rint(levels.astype(np.float64) * 255 / 65_535)
    np.testing.assert_array_equal(to_8bit(levels), expected)


def test_8_bits_stay_as_they_are() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(to_8bit(levels), levels)
