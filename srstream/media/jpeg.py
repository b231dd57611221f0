"""What of a JPEG costs more than its size tells: EXIF data, and scans without end."""

from __future__ import annotations

import re

from PIL.JpegImagePlugin import JpegImageFile

from srstream.errors import DecodeError

MAX_SCANS = 100
"""Progressive pictures have some ten. Each goes through all pixels, and one in which
nothing changes takes a few bytes."""
_MAX_PARTS = 10_000

_START_OF_SCAN, _END = 0xDA, 0xD9
# 0xFF in the pixels is followed by 0, and every so often by a restart marker.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)


class Jpeg(JpegImageFile):
    """A JPEG whose EXIF data is left alone until somebody asks for it.

    Pillow goes through all of it for the resolution alone, as soon as a file is opened.
    """

    def _read_dpi_from_exif(self) -> None:
        pass


def is_jpeg(start: bytes) -> bool:
    """Tell whether a file is a JPEG, by its first bytes."""
    return start.startswith(b"\xff\xd8\xff")


def check_scans(data: bytes) -> None:
    """Refuse a picture that is drawn over and over again.

    Raises:
        DecodeError: as a phrase without a name.
    """
    place, scans = 2, 0
    for _ in range(_MAX_PARTS):
        found = _MARKER.search(data, place)
        if found is None or found[1][0] == _END:
            return
        scans += found[1][0] == _START_OF_SCAN
        if scans > MAX_SCANS:
            raise DecodeError(f"has more than {MAX_SCANS} scans")
        length = int.from_bytes(data[found.end() : found.end() + 2], "big")
        place = found.end() + length
    raise DecodeError(f"has more than {_MAX_PARTS} parts")
