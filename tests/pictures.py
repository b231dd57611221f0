"""Small deterministic pictures for tests."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from srstream.frames import Extras, Frame, FrameId, Picture, Pixels

Result = TypeVar("Result")


def zone_plate(height: int, width: int, *, phase: float = 0.0) -> NDArray[np.uint8]:
    """[H, W, 3]: rings that get finer outwards, other in every colour."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    radius = (rows - height / 3) ** 2 + (columns - width / 3) ** 2
    rings = [
        127.5 + 120.0 * np.cos(radius * speed / max(height, width) + phase)
        for speed in (0.30, 0.45, 0.60)
    ]
    return np.round(np.stack(rings, axis=2)).astype(np.uint8)


def edges(height: int, width: int, *, shift: int = 0, bar: int = 17) -> NDArray[np.uint8]:
    """[H, W, 3]: slanted bars, sharp: the same structure at every place and scale."""
    rows, columns = np.mgrid[0:height, 0:width]
    bars = ((3 * columns + 2 * rows + shift) // bar) % 2
    return np.stack([40 + 170 * bars, 200 - 150 * bars, 90 + 100 * bars], 2).astype(
        np.uint8
    )


def frame(pixels: Pixels, *, seq: int = 1, source: str = "frame.png") -> Frame:
    """Wrap pixels as a frame of a stream called `test`."""
    return Frame(FrameId("test", seq, source, "frame"), Picture(pixels, Extras()))


def whole(work: Generator[None, None, Result]) -> Result:
    """Do all the units of some work and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: Result = stop.value
            return result
