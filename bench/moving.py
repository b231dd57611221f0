"""Moving pictures of which the truth is known, without a cut where they begin anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.pictures import photographs, truths

STEP = (1, 3)
"""Rows and columns by which a photograph moves from frame to frame."""


def clip(
    height: int, width: int, *, count: int, folder: Path | None = None
) -> list[NDArray[np.uint8]]:
    """Return frames [height, width, 3] that move.

    Of the first PNG files of a folder, in natural order and at most `count`: the middle,
    and what is smaller goes on mirrored. Without a folder of photographs that come with
    scikit-image, over which a window moves, one after the other: three cuts.

    Raises:
        FileNotFoundError: there is no such folder, or no PNG file in it.
    """
    if folder is None:
        return list(_panned(height, width, count))
    there = len(list(folder.glob("*.png")))
    return list(truths(height, width, count=min(count, max(there, 1)), folder=folder))


def swinging(number: int, count: int) -> int:
    """Return which of `count` frames is shown as this one, from 0: forth, back, forth."""
    period = max(2 * count - 2, 1)
    place = number % period
    return place if place < count else period - place


def _panned(height: int, width: int, count: int) -> Iterator[NDArray[np.uint8]]:
    pictures = photographs()
    share = -(-count // len(pictures))
    down, right = STEP
    for number in range(count):
        picture, moved = pictures[number // share], number % share
        rows, columns = picture.shape[:2]
        needed = height + down * share, width + right * share
        missing = max(needed[0] - rows, 0), max(needed[1] - columns, 0)
        wide = np.pad(picture, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
        top, left = down * moved, right * moved
        yield wide[top : top + height, left : left + width]
