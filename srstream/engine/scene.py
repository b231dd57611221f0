"""Is this frame the start of a new scene?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

THUMBNAIL = 16
CHANGED = 0.1
"""Mean absolute difference of two thumbnails, in units of full scale, above which the
scene changed: on a clip with five hard cuts and fast pans every cut lies above and every
other frame below."""


def thumbnail(frame: Tensor) -> Tensor:
    """[1, 3, H, W] in [0, 1] -> [3, 16, 16] on the host."""
    return F.adaptive_avg_pool2d(frame, THUMBNAIL)[0].cpu()


def changed(before: Tensor | None, now: Tensor) -> bool:
    """Compare two thumbnails; the first frame of a stream starts no new scene."""
    return before is not None and float(torch.dist(before, now, p=1)) > (
        CHANGED * now.numel()
    )
