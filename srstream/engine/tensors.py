"""Pixels of a frame <-> normalised tensors on the device."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from srstream.errors import FrameError
from srstream.frames import Pixels


def check_pixels(pixels: Pixels) -> None:
    """Refuse what is not [H, W, C] of uint8 or uint16 with 1 to 4 channels.

    Raises:
        FrameError: says what it is.
    """
    good = pixels.dtype in (np.uint8, np.uint16) and pixels.ndim == 3 and pixels.size
    if not good or pixels.shape[2] > 4:
        raise FrameError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; "
            "allowed: uint8 or uint16 of [height, width, 1 to 4]"
        )


def to_tensors(pixels: Pixels, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return colour [1, 3, H, W] and alpha [1, 1, H, W] or None; float32 in [0, 1].

    Grey is repeated to RGB. Eight-bit pixels cross to the device as bytes.
    """
    top = np.iinfo(pixels.dtype).max
    pixels = cast("Pixels", np.ascontiguousarray(pixels))  # torch takes no mirrored views
    if pixels.dtype == np.uint16:  # few of torch's operators take uint16
        pixels = cast("Pixels", pixels.astype(np.float32))
    planes = torch.tensor(pixels, device=device).permute(2, 0, 1)[None].float() / top
    channels = planes.shape[1]
    colours = 1 if channels <= 2 else 3
    alpha = planes[:, colours:] if channels > colours else None
    return planes[:, :colours].expand(-1, 3, -1, -1).contiguous(), alpha


def to_pixels(colour: Tensor, alpha: Tensor | None, like: Pixels) -> Pixels:
    """Return [H, W, C] in the depth and with the channels of `like`, rounded.

    Args:
        colour: [1, 3, H, W], clamped to [0, 1] here.
        alpha: [1, 1, H, W] or None.
        like: the pixels of the frame; its grey comes out grey.
    """
    top = np.iinfo(like.dtype).max
    if like.shape[2] <= 2:
        colour = colour.mean(dim=1, keepdim=True)
    planes = colour if alpha is None else torch.cat([colour, alpha], dim=1)
    codes = planes.clamp(0, 1).mul_(top).round_()
    kind = torch.uint8 if like.dtype == np.uint8 else torch.int32
    host = codes.to(kind)[0].permute(1, 2, 0).contiguous().cpu().numpy()
    return cast("Pixels", host.astype(like.dtype, copy=False))
