"""How clips lose their detail: from frames [2h, 2w, 3] to frames [h, w, 3], 8 bits.

matched            K, of which the engine makes its own examples
blur1.2, blur1.6   a Gaussian of 13x13 and this sigma, then the mean of 2x2: another K
aliased            bicubic without antialiasing, as OpenCV does it
noise2, noise5     K, and Gaussian noise of so many codes, new in every frame
crf18, crf28       K, then H.264 by x264 at this constant rate factor
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from bench.pictures import shrunk, shrunk_aliased
from bench.video import coded

SCALE = 2

Frames: TypeAlias = Sequence[NDArray[np.uint8]]
Degrade: TypeAlias = Callable[[Frames, int], list[NDArray[np.uint8]]]
"""Frames and a seed -> frames of half the size."""

_REACH = 6
"""Pixels to either side of the middle of the Gaussian."""


def matched(frames: Frames, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Shrink by K, rounded."""
    del seed
    return [shrunk(frame, SCALE) for frame in frames]


def blurred(frames: Frames, seed: int = 0, *, sigma: float) -> list[NDArray[np.uint8]]:
    """Shrink by a Gaussian of 13x13 and the mean of 2x2; borders are mirrored."""
    del seed
    return [_blurred(frame, sigma) for frame in frames]


def aliased(frames: Frames, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Shrink without antialiasing."""
    del seed
    return [shrunk_aliased(frame, SCALE) for frame in frames]


def noisy(frames: Frames, seed: int = 0, *, codes: float) -> list[NDArray[np.uint8]]:
    """Shrink by K and add noise of this standard deviation; rounded and clipped."""
    draw = np.random.default_rng(seed)
    return [
        (frame + draw.normal(0.0, codes, frame.shape)).round().clip(0, 255).astype(np.uint8)
        for frame in matched(frames)
    ]


def compressed(frames: Frames, seed: int = 0, *, crf: int) -> list[NDArray[np.uint8]]:
    """Shrink by K, code as one H.264 stream and decode it."""
    del seed
    return coded(matched(frames), crf=crf)


DEGRADATIONS: dict[str, Degrade] = {
    "matched": matched,
    "blur1.2": partial(blurred, sigma=1.2),
    "blur1.6": partial(blurred, sigma=1.6),
    "aliased": aliased,
    "noise2": partial(noisy, codes=2.0),
    "noise5": partial(noisy, codes=5.0),
    "crf18": partial(compressed, crf=18),
    "crf28": partial(compressed, crf=28),
}


def _blurred(frame: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    offsets = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    line = torch.exp(-(offsets**2) / (2 * sigma**2))
    line /= line.sum()
    mirrored = np.pad(frame, ((_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="symmetric")
    planes = torch.from_numpy(mirrored).permute(2, 0, 1)[:, None].double()
    planes = F.conv2d(F.conv2d(planes, line[None, None, :, None]), line[None, None, None])
    small = F.avg_pool2d(planes, SCALE)[:, 0].permute(1, 2, 0)
    return cast("NDArray[np.uint8]", small.round().to(torch.uint8).numpy())
