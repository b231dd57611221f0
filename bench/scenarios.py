"""What happens to streams: standing still, fading, cuts, bars. From one clip to another.

Each takes the frames of a clip, [H, W, 3], and returns as many, with the numbers of those
that begin a new shot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.synthetic_clips import other_scene

Frames: TypeAlias = Sequence[NDArray[np.uint8]]
Staged: TypeAlias = tuple[list[NDArray[np.uint8]], tuple[int, ...]]


def still(frames: Frames) -> Staged:
    """Show the first frame again and again."""
    return [frames[0]] * len(frames), ()


def fade(frames: Frames) -> Staged:
    """Fade to black and back; about an eighth of the frames is black."""
    last = max(len(frames) - 1, 1)
    return [
        (frame * brightness(number / last)).round().astype(np.uint8)
        for number, frame in enumerate(frames)
    ], ()


def brightness(moment: float) -> float:
    """Return what is left of a frame at a moment from 0 to 1: 1 at the ends, 0 between."""
    return min(max(abs(4.0 * moment - 2.0) - 0.25, 0.0), 1.0)


def cuts(frames: Frames) -> Staged:
    """Cut to another scene for the second third of the clip, and back."""
    count = len(frames)
    away, back = count // 3, 2 * count // 3
    height, width = frames[0].shape[:2]
    other = other_scene(back - away, height, width)
    shown = [*frames[:away], *other, *frames[back:]]
    # Of a clip of one frame or two there are fewer.
    return shown, tuple(cut for cut in (away, back) if 0 < cut < count)


def bars(frames: Frames) -> Staged:
    """Put black bars above and below, an eighth of the height each."""
    side = frames[0].shape[0] // 16 * 2  # even, so that their edge is one in both sizes
    return [_barred(frame, side) for frame in frames], ()


def _barred(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    barred = frame.copy()
    barred[:side] = barred[len(frame) - side :] = 0
    return barred


SCENARIOS: dict[str, Callable[[Frames], Staged]] = {
    "still": still,
    "fade": fade,
    "cuts": cuts,
    "bars": bars,
}
