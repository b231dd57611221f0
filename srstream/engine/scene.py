"""Is this frame the start of a new scene, and is there anything to learn from?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

THUMBNAIL = 16
CHANGED = 0.1
"""Mean absolute difference of two thumbnails, in units of full scale, above which the
scene changed: on a clip with five hard cuts and fast pans every cut lies above and every
other frame below."""
FLAT_STD = 1.0 / 255.0
"""Frames that vary less than one 8-bit code are black or flat."""


def thumbnail(frame: Tensor) -> Tensor:
    """[1, C, H, W] in [0, 1] -> [3, 16, 16] on the host; grey is repeated."""
    return F.adaptive_avg_pool2d(frame, THUMBNAIL)[0].cpu().expand(3, -1, -1).contiguous()


def changed(before: Tensor | None, now: Tensor) -> bool:
    """Compare two thumbnails; the first frame of a stream starts no new scene."""
    return before is not None and float(torch.dist(before, now, p=1)) > (
        CHANGED * now.numel()
    )


def is_flat(frame: Tensor) -> bool:
    """True if no colour of [1, C, H, W] in [0, 1] varies."""
    centred = frame - frame.mean(dim=(-2, -1), keepdim=True)
    return float(centred.square_().mean(dim=(-2, -1)).amax()) < FLAT_STD**2
