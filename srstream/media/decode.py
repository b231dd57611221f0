"""Picture files to pixels: the header, then the size check, then the pixels.

A file is read into memory only if its header allows it, and the copy is checked again: so
what was checked is what is decoded, whatever happens to the file meanwhile.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from srstream.errors import DecodeError, FrameError
from srstream.frames import Content, Extras, Picture
from srstream.media import tiff
from srstream.media.eight import conversion_of, read_8bit
from srstream.media.exif import exif_of
from srstream.media.files import MAX_FILE_BYTES, opened, read_file
from srstream.media.header import (
    check_header,
    errors_translated,
    open_image,
    read_header,
)
from srstream.media.jpeg import check_scans, is_jpeg
from srstream.media.printable import printable
from srstream.media.sixteen import decode_16bit


def read_picture(path: Path, *, max_pixels: int, within: str | None = None) -> Picture:
    """Read and decode a picture file; its `content` says what was read, and when.

    Args:
        path: any kind of file; what is not a regular one is refused without waiting.
        max_pixels: width times height at most; a header that says more is refused
            before the rest of the file is read.
        within: a folder, without links in its path, that the file must lie in.

    Raises:
        DecodeError: in one line, the file's name as given and why it is not taken.
        Unreadable: the same, of a file that cannot be read now.
    """
    read_at = time.time_ns()
    with _named(path), opened(path, within=within) as file:
        most = check_header(file, max_pixels=max_pixels)
        data = read_file(file, max_bytes=min(most, MAX_FILE_BYTES))
    with _named(path):
        picture = decode_picture(data, max_pixels=max_pixels)
    return replace(picture, content=Content(hashlib.sha256(data).digest(), read_at))


def read_size(path: Path) -> tuple[int, int] | None:
    """Return a picture's width and height by its header alone; none: it does not tell.

    It does not in a TIFF, which may come out turned.

    Raises:
        DecodeError: in one line, the file's name as given and why it is not taken.
        Unreadable: the same, of a file that cannot be read now.
    """
    with _named(path), opened(path) as file:
        return read_header(file)


def decode_picture(data: bytes, *, max_pixels: int) -> Picture:
    """Decode the content of a picture file.

    8 and 16 bits a channel stay what they are. Pixels are not turned: the orientation
    stays in the EXIF data (a TIFF may come out upright, and then says so).

    Raises:
        DecodeError: why it is not taken, as a phrase without a name.
    """
    # Once more, on what is decoded: the file may have changed since it was checked.
    check_header(BytesIO(data), max_pixels=max_pixels)
    if is_jpeg(data):
        check_scans(data)
    with errors_translated(), open_image(BytesIO(data)) as image:
        notes: list[str] = []
        if getattr(image, "is_animated", False) or "mp" in image.info:
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
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except FrameError as error:
        raise type(error)(f"{printable(str(path))} {error}") from error


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
