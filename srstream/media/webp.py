"""The size of a WebP picture by its header: Pillow reads the whole file for it."""

from __future__ import annotations

import struct

from srstream.errors import DecodeError
from srstream.media.sipping import Sipping

_HEADER_BYTES = 30  # RIFF, length, WEBP, kind of the first chunk, its length, its start
_LOSSLESS_HEADER_BYTES = 25  # some whole pictures of one colour have 28
_LOSSY_START = b"\x9d\x01\x2a"
_LOSSLESS_START = 0x2F
_ANIMATION = 0x02  # among the flags of an extended file


def is_webp(file: Sipping) -> bool:
    """Tell whether a file is WebP, by its first bytes. Raises `OSError`."""
    file.seek(0)
    start = file.read(12)
    return start[:4] == b"RIFF" and start[8:] == b"WEBP"


def is_animated(file: Sipping) -> bool:
    """Tell whether a WebP holds several pictures. Raises `OSError`."""
    file.seek(0)
    header = file.read(_HEADER_BYTES)
    return header[12:16] == b"VP8X" and bool(header[20] & _ANIMATION)


def read_size(file: Sipping) -> tuple[int, int]:
    """Return width and height, of an animated one those of all its frames together.

    Raises:
        DecodeError: the header is damaged.
        OSError: the file cannot be read.
    """
    file.seek(0)
    header = file.read(_HEADER_BYTES)
    kind, start = header[12:16], header[20:]
    if len(header) < (_LOSSLESS_HEADER_BYTES if kind == b"VP8L" else _HEADER_BYTES):
        raise DecodeError("is damaged or cut short (the header is too short)")
    if kind == b"VP8X":  # flags, 3 bytes of nothing, 3 bytes each of width and height
        width, height = start[4:7], start[7:10]
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if kind == b"VP8 " and start[3:6] == _LOSSY_START:  # a frame tag of 3 bytes first
        wide, high = struct.unpack_from("<HH", start, 6)
        return wide & 0x3FFF, high & 0x3FFF
    if kind == b"VP8L" and start[0] == _LOSSLESS_START:
        (sides,) = struct.unpack_from("<I", start, 1)
        return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    raise DecodeError("is damaged or cut short (no picture follows the header)")
