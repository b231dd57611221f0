"""What the eye sees at once of a frame: a new scene, a fade, nothing at all."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

THUMBNAIL = 16
CHANGED = 0.1
"""Mean absolute difference of two thumbnails, in units of full scale, above which the
scene changed: on a clip with five hard cuts and fast pans every cut lies above and every
other frame below."""
ALIKE = 0.03
"""The same difference, below which two scenes are taken for one that came back."""
FLAT_STD = 1.0 / 255.0
"""Frames that vary less than one 8-bit code are black or flat."""
FADE_GAIN = 0.01
"""Of a fade the contrast changes by more than this share from frame to frame."""
FADE_REST = 0.1
"""And what does not follow from that is less than this share of the change."""


def thumbnail(frame: Tensor) -> Tensor:
    """[1, C, H, W] in [0, 1] -> [3, 16, 16] on the host; grey is repeated."""
    return F.adaptive_avg_pool2d(frame, THUMBNAIL)[0].cpu().expand(3, -1, -1).contiguous()


def difference(one: Tensor, other: Tensor) -> float:
    """Return the mean absolute difference of two thumbnails."""
    return float(torch.dist(one, other, p=1)) / one.numel()


def changed(before: Tensor | None, now: Tensor) -> bool:
    """Compare two thumbnails; the first frame of a stream starts no new scene."""
    return before is not None and difference(before, now) > CHANGED


def is_fade(before: Tensor | None, now: Tensor) -> bool:
    """Tell whether a thumbnail is the one before, brighter or darker as a whole.

    That is `now` = a `before` + b with an `a` above 0 that is not 1, by least squares, and
    a rest that is small beside the change.
    """
    if before is None:
        return False
    apart = before - before.mean()
    energy = float(apart.square().sum())
    if not energy:
        return False
    gain = float((apart * now).sum()) / energy
    if gain < 0.0 or abs(gain - 1.0) < FADE_GAIN:
        return False
    rest = now - now.mean() - gain * apart
    change = now - before
    return float(rest.square().sum()) < FADE_REST**2 * float(change.square().sum())


def is_flat(frame: Tensor) -> bool:
    """True if no colour of [1, C, H, W] in [0, 1] varies."""
    centred = frame - frame.mean(dim=(-2, -1), keepdim=True)
    return float(centred.square_().mean(dim=(-2, -1)).amax()) < FLAT_STD**2
