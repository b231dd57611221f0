"""Clips made of photographs that come with scikit-image, without data and without chance.

Of 384x256 pixels; nothing is interpolated but in `zoom`, which only ever shrinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.pictures import mirrored, photographs, window

HEIGHT, WIDTH = 256, 384

_PAN = 3
"""Pixels per frame. It is odd: every second frame shows other pixels when made small."""
_LEAST_SHOWN, _ZOOM = 0.66, 0.01
"""Of the widest view: what `zoom` ends at, and what it gets narrower by per frame."""
_PATCH, _PATCH_MOVES = 32, 3


def pan(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield windows that move over a photograph to the right and back."""
    return _pan(photographs()[0], count, HEIGHT, WIDTH)


def zoom(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield views of a photograph that get narrower and wide again."""
    picture = Image.fromarray(photographs()[1])
    columns, rows = picture.size
    most = round((1.0 - _LEAST_SHOWN) / _ZOOM)
    for number in range(count):
        share = 1.0 - _ZOOM * _there_and_back(number, most)
        width = share * min(columns, rows * WIDTH / HEIGHT)
        height = width * HEIGHT / WIDTH
        left, top = (columns - width) / 2, (rows - height) / 2
        view = picture.resize(
            (WIDTH, HEIGHT),
            Image.Resampling.BICUBIC,
            box=(left, top, left + width, top + height),
        )
        yield np.asarray(view)


def static(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield one view, through the middle of which a small object moves."""
    astronaut, _, cat, _ = photographs()
    view = window(cat, HEIGHT, WIDTH, moved=0)
    face = astronaut[90 : 90 + _PATCH, 210 : 210 + _PATCH]
    top = (HEIGHT - _PATCH) // 2
    for number in range(count):
        left = _there_and_back(_PATCH_MOVES * number, WIDTH - _PATCH)
        frame = view.copy()
        frame[top : top + _PATCH, left : left + _PATCH] = face
        yield frame


def other_scene(count: int, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """Yield [height, width, 3] of a scene that is in no other clip, for cuts to it."""
    wide = mirrored(photographs()[3], height, width + _PAN * (count - 1))
    return _pan(wide, count, height, width)


SYNTHETIC: dict[str, Callable[[int], Iterator[NDArray[np.uint8]]]] = {
    "pan": pan,
    "zoom": zoom,
    "static": static,
}
"""From how many frames to the frames, [256, 384, 3] each."""


def _pan(
    picture: NDArray[np.uint8], count: int, height: int, width: int
) -> Iterator[NDArray[np.uint8]]:
    room = picture.shape[1] - width
    for number in range(count):
        moved = _there_and_back(_PAN * number, room)
        yield window(picture, height, width, moved=moved)


def _there_and_back(number: int, most: int) -> int:
    """Return 0, 1, ..., most, ..., 1, 0, 1, ... for number 0, 1, ..."""
    return most - abs(number % (2 * most) - most) if most else 0
