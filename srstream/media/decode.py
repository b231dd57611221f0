"""Picture files to pixels: the header, then the size check, then the pixels.

Everything works on one copy of the file in memory, so what was checked is what is
decoded, whatever happens to the file meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from srstream.errors import DecodeError
from srstream.frames import Extras, Picture
from srstream.media import tiff
from srstream.media.eight import conversion_of, read_8bit
from srstream.media.exif import exif_of
from srstream.media.files import opened, read_file
from srstream.media.printable import printable
from srstream.media.sixteen import decode_16bit

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
"""The only decoders of Pillow that a file can reach, whatever its name."""

# Pillow's own limit, a warning and then an error, is one for the whole process. Ours is
# given per call and checked on every picture between the header and the pixels.
Image.MAX_IMAGE_PIXELS = None


def read_picture(path: Path, *, max_pixels: int) -> Picture:
    """Read and decode a picture file.

    Args:
        path: any kind of file; what is not a regular one is refused without waiting.
        max_pixels: width times height at most; a header that says more is refused
            before any memory is taken for the pixels.

    Raises:
        DecodeError: in one line, the file's name as given and why it is not taken.
    """
    try:
        return decode_picture(read_file(path), max_pixels=max_pixels)
    except DecodeError as error:
        raise DecodeError(f"{printable(str(path))} {error}") from error


def read_size(path: Path) -> tuple[int, int] | None:
    """Return a picture's width and height by its header alone; none: it does not tell.

    It does not in a TIFF, which may come out turned.

    Raises:
        DecodeError: in one line, the file's name as given and why it is not taken.
    """
    try:
        with (
            opened(path) as file,
            _decoder_errors_translated(),
            Image.open(file, formats=FORMATS) as image,
        ):
            return None if isinstance(image, TiffImageFile) else image.size
    except DecodeError as error:
        raise DecodeError(f"{printable(str(path))} {error}") from error


def decode_picture(data: bytes, *, max_pixels: int) -> Picture:
    """Decode the content of a picture file.

    8 and 16 bits a channel stay what they are. Pixels are not turned: the orientation
    stays in the EXIF data (a TIFF may come out upright, and then says so).

    Raises:
        DecodeError: why it is not taken, as a phrase without a name.
    """
    with (
        _decoder_errors_translated(),
        Image.open(BytesIO(data), formats=FORMATS) as image,
    ):
        _check_size(image, max_pixels)
        notes: list[str] = []
        if getattr(image, "is_animated", False):
            notes.append("first of several pictures in the file taken")
        if conversion := conversion_of(image.mode):
            notes.append(conversion)
        icc = image.info.get("icc_profile") or None
        is_inks = image.mode == "CMYK"
        pixels = _read_16bit(image, data) if _bits(image) > 8 else read_8bit(image)
        extras = Extras(
            icc=None if is_inks else icc,  # the profile of inks is of no use to RGB
            exif=exif_of(image),
        )
        return Picture(pixels, extras, tuple(notes))


@contextmanager
def _decoder_errors_translated() -> Iterator[None]:
    try:
        yield
    except DecodeError:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise DecodeError(
            f"is not a picture we take ({known}), or its header is damaged"
        ) from error
    except MemoryError as error:
        raise DecodeError("does not fit into memory") from error
    except Exception as error:
        # Decoders raise anything on bytes that are broken or made to break them:
        # OSError, ValueError, struct.error, SyntaxError. No file may stop a stream.
        raise DecodeError(f"is damaged or cut short ({_reason(error)})") from error


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise DecodeError(f"is {width}x{height}: no pixels")
    if width * height > max_pixels:
        raise DecodeError(f"is {width}x{height}; at most {max_pixels} pixels are taken")


def _bits(image: ImageFile.ImageFile) -> int:
    """Return the bits a channel has in the file; Pillow's mode does not always tell."""
    if isinstance(image, TiffImageFile):
        return tiff.bits(image)
    if not image.tile:  # WebP, which always has 8
        return 8
    arguments = image.tile[0].args
    if image.format == "PNG":
        return 16 if ";16" in str(arguments) else 8
    if image.format == "PPM" and isinstance(arguments, tuple):
        return int(arguments[1]).bit_length()  # the largest value
    return 8


def _read_16bit(image: ImageFile.ImageFile, data: bytes) -> NDArray[np.uint16]:
    width, height = image.size
    if isinstance(image, TiffImageFile):
        return tiff.read_16bit(image, data)
    if image.format == "PNG":
        return decode_16bit(data, "png", width=width, height=height)
    raise DecodeError(
        f"has {_bits(image)} bits a channel, which is taken from PNG and TIFF only"
    )


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(text)
