"""Pixels to picture files, with the colour profile and the EXIF data of the source."""

from __future__ import annotations

from io import BytesIO
from typing import Literal, TypeAlias

import av
import numpy as np
from PIL import Image

from srstream.errors import SinkError
from srstream.frames import Extras, Pixels
from srstream.media.depth import to_8bit, to_16bit
from srstream.media.exif import fit_exif, only_orientation
from srstream.media.sixteen import encode_16bit_png

PictureFormat: TypeAlias = Literal["png", "jpg"]

JPEG_QUALITY = 95
PNG_COMPRESSION = 4
"""Where a photograph of 960x540 is written in 40 to 60 ms, to 515 to 840 kB. Level 6
takes two to three times as long for 1 to 3 % less, level 9 four to twelve times as long
for 1 to 7 % less; level 1 is a third faster and 8 to 18 % larger."""

_JPEG_LARGEST_SIDE = 65_500  # libjpeg's limit
_JPEG_LARGEST_EXIF = 65_533  # what one APP1 segment holds


def encode_picture(
    pixels: Pixels,
    extras: Extras,
    *,
    format: PictureFormat,  # noqa: A002 - the word of the configuration
    quality: int = JPEG_QUALITY,
    compression: int = PNG_COMPRESSION,
) -> bytes:
    """Return the content of a picture file; a PNG holds integers without loss.

    Args:
        pixels: [H, W, C]; floats go to 16 bits in a PNG.
        extras: the source's; sizes in the EXIF data are corrected.
        format: what JPEG cannot hold is dropped; see `jpeg_losses`.
        quality: of a JPEG, 1 to 100.
        compression: of a PNG, 1 (fast) to 9 (small).

    Raises:
        SinkError: the format cannot hold the picture, without a name.
    """
    height, width = pixels.shape[:2]
    exif = fit_exif(extras.exif, width=width, height=height) if extras.exif else b""
    try:
        if format == "jpg":
            return _encode_jpeg(pixels, extras.icc, exif, quality)
        if pixels.dtype != np.uint8:
            return encode_16bit_png(
                to_16bit(pixels),
                compression=compression,
                icc=extras.icc,
                exif=exif,
            )
        return _encode_8bit_png(pixels, extras.icc, exif, compression)
    except (OSError, ValueError, av.FFmpegError) as error:
        raise SinkError(
            f"a picture of {width}x{height} cannot be written as {format}: {error}"
        ) from error


def jpeg_losses(pixels: Pixels) -> tuple[str, ...]:
    """Return what a JPEG of these pixels would lose, beside its usual small errors."""
    losses = []
    if pixels.shape[2] in (2, 4):
        losses.append("transparency")
    if pixels.dtype == np.uint16:
        losses.append("16-bit depth")
    if pixels.dtype == np.float32:
        losses.append("floating point")
    return tuple(losses)


def _encode_8bit_png(
    pixels: Pixels, icc: bytes | None, exif: bytes, compression: int
) -> bytes:
    out = BytesIO()
    _image_of(pixels).save(
        out, "PNG", compress_level=compression, icc_profile=icc, exif=exif
    )
    return out.getvalue()


def _encode_jpeg(pixels: Pixels, icc: bytes | None, exif: bytes, quality: int) -> bytes:
    if max(pixels.shape[:2]) > _JPEG_LARGEST_SIDE:
        raise ValueError(f"it has at most {_JPEG_LARGEST_SIDE} pixels a side")
    if len(exif) > _JPEG_LARGEST_EXIF:
        exif = only_orientation(exif)
    opaque = pixels[:, :, : 1 if pixels.shape[2] <= 2 else 3]
    out = BytesIO()
    _image_of(to_8bit(opaque)).save(
        out,
        "JPEG",
        quality=quality,
        subsampling=0,  # 4:4:4: halving the colour would undo half of our work
        icc_profile=icc,
        exif=exif,
    )
    return out.getvalue()


def _image_of(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
