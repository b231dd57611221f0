"""What a picture file says of itself, at a price that is fixed beforehand.

Headers are where small files make decoders work: chunks that unpack to a thousand times
their size, a million empty segments, tables that say they have a billion rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError
from PIL.GifImagePlugin import GifImageFile
from PIL.TiffImagePlugin import TiffImageFile

from srstream.errors import DecodeError
from srstream.media import webp
from srstream.media.jpeg import Jpeg, is_jpeg
from srstream.media.printable import printable
from srstream.media.sipping import MAX_HEADER_BYTES, Sipping
from srstream.media.tables import check_tables

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
"""The only decoders of Pillow that a file can reach, whatever its name."""

# Pillow's own limit, a warning and then an error, is one for the whole process. Ours is
# given per call and checked on every picture between the header and the pixels.
Image.MAX_IMAGE_PIXELS = None
# Texts in a PNG may be compressed: what they unpack to, one by one and together.
PngImagePlugin.MAX_TEXT_CHUNK = 1 << 20
PngImagePlugin.MAX_TEXT_MEMORY = 1 << 20

_WIDEST_PIXEL = 8  # bytes: four channels of 16 bits
_BESIDE = MAX_HEADER_BYTES  # bytes of a file beside its pixels: profiles, thumbnails


def check_header(file: BinaryIO, *, max_pixels: int) -> int:
    """Refuse a picture by its header; no memory is taken for its pixels.

    Args:
        file: an opened picture file; only its header is read.
        max_pixels: width times height at most.

    Returns:
        The most bytes that a file with this header may have.

    Raises:
        DecodeError: why it is not taken, as a phrase without a name.
        OSError: the file cannot be read.
    """
    with _read_as_header(file) as sipping:
        (width, height), holds_several = _look(sipping)
    if width < 1 or height < 1:
        raise DecodeError(f"is {width}x{height}: no pixels")
    if width * height > max_pixels:
        raise DecodeError(f"is {width}x{height}; at most {max_pixels} pixels are taken")
    pixels = max_pixels if holds_several else width * height
    return _WIDEST_PIXEL * pixels + _BESIDE


def read_header(file: BinaryIO) -> tuple[int, int] | None:
    """Return a picture's width and height; none for a TIFF, which may come out turned.

    Raises:
        DecodeError: it is no picture that we take.
        OSError: the file cannot be read.
    """
    with _read_as_header(file) as sipping:
        if webp.is_webp(sipping):
            return webp.read_size(sipping)
        check_tables(sipping)
        with open_image(cast("IO[bytes]", sipping)) as image:
            return None if isinstance(image, TiffImageFile) else image.size


def open_image(file: IO[bytes]) -> ImageFile.ImageFile:
    """Read the header of a picture and return what Pillow makes of it, without pixels.

    Raises:
        Exception: whatever Pillow raises; see `errors_translated`.
    """
    file.seek(0)
    if not is_jpeg(file.read(3)):
        return Image.open(file, formats=FORMATS)
    file.seek(0)
    try:
        return Jpeg(file)
    except SyntaxError as error:
        raise UnidentifiedImageError from error


@contextmanager
def errors_translated() -> Iterator[None]:
    """Raise whatever decoders raise as `DecodeError`."""
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


@contextmanager
def _read_as_header(file: BinaryIO) -> Iterator[Sipping]:
    sipping = Sipping(file)
    try:
        with errors_translated():
            yield sipping
    except DecodeError:
        if sipping.error is not None:  # not the picture's fault, whatever a decoder said
            raise sipping.error from None
        raise


def _look(file: Sipping) -> tuple[tuple[int, int], bool]:
    """Return width and height, and whether there may be more pictures in the file."""
    if webp.is_webp(file):
        return webp.read_size(file), webp.is_animated(file)
    check_tables(file)
    with open_image(cast("IO[bytes]", file)) as image:
        several = isinstance(image, TiffImageFile | GifImageFile)
        return image.size, several or getattr(image, "is_animated", False)


def _reason(error: Exception) -> str:
    return printable(str(error) or type(error).__name__)
