"""16-bit TIFF: Pillow reads grey, FFmpeg reads colour, and neither reads everything.

What one of them would get wrong without an error is refused here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin
from PIL.TiffImagePlugin import TiffImageFile

from srstream.errors import DecodeError
from srstream.media.sixteen import decode_16bit

_WHITE_IS_ZERO = 0
_PLAIN_ALPHA = (2,)  # neither premultiplied nor of unknown meaning


def bits(image: TiffImageFile) -> int:
    """Return the bits a channel has in the file."""
    return int(max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE) or (1,)))


def read_16bit(image: TiffImageFile, data: bytes) -> NDArray[np.uint16]:
    """Return the pixels as [H, W, C].

    Args:
        image: the opened file.
        data: the same file's content.

    Raises:
        DecodeError: a TIFF of this kind is not taken.
        Exception: whatever the decoders raise on damaged data.
    """
    if bits(image) == 16 and image.mode in ("I;16", "I;16B"):
        return _read_grey(image)
    if bits(image) == 16 and image.mode in ("RGB", "RGBA"):
        _check_colour(image)
        tags = image.tag_v2
        return decode_16bit(
            data,
            "tiff",
            # Pillow's size is that of the upright picture
            width=tags[TiffImagePlugin.IMAGEWIDTH],
            height=tags[TiffImagePlugin.IMAGELENGTH],
        )
    raise DecodeError(
        f"has {bits(image)} bits a channel, of kind {image.mode}; 8 and 16 bits, grey "
        "or RGB, are taken"
    )


def _read_grey(image: TiffImageFile) -> NDArray[np.uint16]:
    photometric = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    pixels = np.array(image).astype(np.uint16)[:, :, None]
    # Pillow turns these black for white at 8 bits only.
    return np.invert(pixels) if photometric == _WHITE_IS_ZERO else pixels


def _check_colour(image: TiffImageFile) -> None:
    tags = image.tag_v2
    if TiffImagePlugin.TILEWIDTH in tags:
        raise DecodeError("is a TIFF of 16-bit colour in tiles; strips are taken")
    if tags.get(TiffImagePlugin.FILLORDER, 1) != 1:
        raise DecodeError("is a TIFF of 16-bit colour with its bits reversed")
    if tags.get(TiffImagePlugin.EXTRASAMPLES, _PLAIN_ALPHA) not in ((), _PLAIN_ALPHA):
        raise DecodeError("is a TIFF of 16-bit colour with premultiplied alpha")
