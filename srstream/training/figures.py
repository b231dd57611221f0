"""How good trained weights are on sets of pictures by which they are compared."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from srstream.engine.contracts import Net
from srstream.evaluation.metrics import psnr_y
from srstream.training.crops import pair_of
from srstream.training.pictures import Original


@torch.no_grad()
def set_psnr(net: Net, originals: Iterable[Original], *, scale: int) -> float:
    """Return the mean PSNR in dB of the luma, as published: of 8-bit pictures in colour.

    Each is cropped to a multiple of the scale, shrunk, rounded, and enlarged again in
    float32; `scale` pixels at each border are not counted.

    Args:
        net: With the weights that are kept.
        originals: At least one.
        scale: The network's.
    """
    values = []
    for original in originals:
        pair = pair_of(original, scale=scale, colours=3)
        if pair is not None:
            ours = net(pair.low[None].to(next(net.parameters()).device))[0]
            values.append(psnr_y(_bytes(ours), _bytes(pair.high), border=scale))
    return fmean(values)


def _bytes(picture: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """[3, H, W] in [0, 1] -> [H, W, 3] of 8 bits."""
    codes = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(codes.permute(1, 2, 0).cpu().numpy())
