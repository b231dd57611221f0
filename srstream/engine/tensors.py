"""Pixels of a frame <-> normalised tensors on the device."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from srstream.errors import FrameError
from srstream.frames import Pixels, white


def check_pixels(pixels: Pixels) -> None:
    """Refuse what is not [H, W, C] with 1 to 4 channels of a type we take, or not finite.

    Raises:
        FrameError: says what it is.
    """
    kinds = (np.uint8, np.uint16, np.float32)
    good = pixels.dtype in kinds and pixels.ndim == 3 and pixels.size
    if not good or pixels.shape[2] > 4:
        raise FrameError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; "
            "allowed: uint8, uint16 or float32 of [height, width, 1 to 4]"
        )
    if pixels.dtype == np.float32 and not np.isfinite(pixels).all():
        raise FrameError("pixels are not all finite")


def to_tensors(
    pixels: Pixels, device: torch.device, *, colours: int = 3
) -> tuple[Tensor, Tensor | None]:
    """Return colour [1, C, H, W] and alpha [1, 1, H, W] or None; float32 in [0, 1].

    C is 3, and grey is repeated to RGB; but grey stays one channel where `colours` is 1.
    Eight-bit pixels cross to the device as bytes. Floats are clamped.
    """
    top, is_float = white(pixels), pixels.dtype == np.float32
    pixels = cast("Pixels", np.ascontiguousarray(pixels))  # torch takes no mirrored views
    if pixels.dtype == np.uint16:  # few of torch's operators take uint16
        pixels = cast("Pixels", pixels.astype(np.float32))
    source = torch.tensor(pixels, device=device).permute(2, 0, 1)[None]
    # To floats and to planes in one go.
    planes = torch.empty(source.shape, device=device).copy_(source)
    planes = planes.clamp_(0, 1) if is_float else planes.div_(top)
    channels = planes.shape[1]
    visible = 1 if channels <= 2 else 3
    alpha = planes[:, visible:] if channels > visible else None
    colour = planes[:, :visible]
    if visible < colours:
        colour = colour.expand(-1, colours, -1, -1).contiguous()
    return colour, alpha


def to_pixels(colour: Tensor, alpha: Tensor | None, like: Pixels) -> Pixels:
    """Return [H, W, C] in the depth and with the channels of `like`; integers rounded.

    Args:
        colour: [1, 3, H, W], or one channel for grey; clamped to [0, 1] here.
        alpha: [1, 1, H, W] or None.
        like: the pixels of the frame; its grey comes out grey.
    """
    if like.shape[2] <= 2 and colour.shape[1] > 1:
        colour = colour.mean(dim=1, keepdim=True)
    planes = colour if alpha is None else torch.cat([colour, alpha], dim=1)
    planes = planes.clamp(0, 1)
    if like.dtype != np.float32:
        kind = torch.uint8 if like.dtype == np.uint8 else torch.int32
        planes = planes.mul_(white(like)).round_().to(kind)
    host = torch.stack(planes[0].unbind(), dim=-1).cpu().numpy()
    return cast("Pixels", host.astype(like.dtype, copy=False))
