"""Pixels of a frame <-> normalised tensors on the device."""

from __future__ import annotations

import sys
from typing import cast

import numpy as np
import torch
from torch import Tensor

from srstream.engine.transfers import Arriving, to_device, to_host
from srstream.errors import FrameError
from srstream.frames import Pixels, white

_INTEGERS = torch.tensor(1.5 * 2**23)
"""Around it float32 holds whole numbers alone."""
_LOWEST = 0 if sys.byteorder == "little" else 3


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
    on_cuda = device.type == "cuda"
    source = to_device(pixels, device) if on_cuda else torch.tensor(pixels, device=device)
    source = source.permute(2, 0, 1)[None]
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


class Sent:
    """Pixels that are on their way to the host."""

    def __init__(self, arriving: Arriving, like: Pixels) -> None:
        """Say what they will be: of the type of `like`."""
        self._arriving = arriving
        self._kind = like.dtype

    def wait(self) -> Pixels:
        """Return them, [H, W, C]."""
        return cast("Pixels", self._arriving.wait().astype(self._kind, copy=False))


def to_pixels(colour: Tensor, alpha: Tensor | None, like: Pixels) -> Pixels:
    """Return [H, W, C] in the depth and with the channels of `like`; as `send_pixels`."""
    return send_pixels(colour, alpha, like).wait()


def send_pixels(colour: Tensor, alpha: Tensor | None, like: Pixels) -> Sent:
    """Send [H, W, C] off, in the depth and with the channels of `like`; integers rounded.

    Of a CUDA device nothing is waited for here.

    Args:
        colour: [1, 3, H, W], or one channel for grey; clamped to [0, 1] here.
        alpha: [1, 1, H, W] or None.
        like: the pixels of the frame; its grey comes out grey.
    """
    if like.shape[2] <= 2 and colour.shape[1] > 1:
        colour = colour.mean(dim=1, keepdim=True)
    channels = colour.shape[1]
    planes = colour.new_empty(channels + (alpha is not None), *colour.shape[-2:])
    torch.clamp(colour[0], 0, 1, out=planes[:channels])
    if alpha is not None:
        torch.clamp(alpha[0], 0, 1, out=planes[channels:])
    if like.dtype == np.uint8:
        return Sent(to_host(_interleaved(_codes(planes))), like)
    if like.dtype != np.float32:
        planes = planes.mul_(white(like)).round_().to(torch.int32)
    return Sent(to_host(torch.stack(planes.unbind(), dim=-1)), like)


def _codes(planes: Tensor) -> Tensor:
    """[C, H, W] float32 in [0, 1] -> [C, H, W] of bytes, a view; changes `planes`.

    Beside `_INTEGERS` a float32 has no room for fractions: to add it rounds, halves to
    even, and leaves the code in the lowest byte. That multiplies and rounds in one pass,
    and no pass converts; two thirds of the time. As the product is not rounded before,
    some codes in a million differ by 1 from those of `mul` and `round`.
    """
    torch.add(_INTEGERS, planes, alpha=255, out=planes)
    return planes.view(torch.uint8)[..., _LOWEST::4]


def _interleaved(planes: Tensor) -> Tensor:
    """[C, H, W] -> [H, W, C] of the same type."""
    together = planes.new_empty(*planes.shape[1:], len(planes))
    for channel, plane in enumerate(planes):
        together[..., channel] = plane
    return together
