"""Are the tables of a TIFF, or of EXIF data, as long as such tables are?

Pillow makes an object of every entry and of every number: a table of 65,535 tags takes it
seconds, and a file can have several.
"""

from __future__ import annotations

import struct
from typing import Protocol

from srstream.errors import DecodeError

_MOST_TAGS = 500  # some hundred are defined
_MOST_NUMBERS = 100_000  # a strip of each row has two; 50 million pixels have 7,000 rows
_BYTES, _ASCII, _LONG, _UNDEFINED, _IFD, _LONG8 = 1, 2, 4, 7, 13, 16
_TABLES = (0x8769, 0x8825, 0xA005)  # tags that point to a table: EXIF, GPS, interoperation
_DAMAGED = "is damaged or cut short (the table of tags)"


class File(Protocol):
    """What is asked of a file here."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...


def check_tables(file: File) -> None:
    """Refuse what no camera and no program writes; anything but a TIFF passes.

    Raises:
        DecodeError: a table is too long, or cut short, as a phrase without a name.
        OSError: the file cannot be read.
    """
    file.seek(0)
    start = file.read(16)
    if start[:2] not in (b"II", b"MM"):
        return
    order = "<" if start[:2] == b"II" else ">"
    is_big = 43 in start[2:4]  # offsets and counts of 8 bytes
    place, offset = (8, "Q") if is_big else (4, "I")
    layout = _Layout(order + ("Q" if is_big else "H"), f"{order}HH{offset}{offset}")
    try:
        (first,) = struct.unpack_from(order + offset, start, place)
        below = layout.check(file, first)
        for table in below:
            for deeper in layout.check(file, table):
                layout.check(file, deeper)
    except struct.error as error:
        raise DecodeError(_DAMAGED) from error


class _Layout:
    """How tables are written in a file, and how many numbers were seen in them."""

    def __init__(self, count: str, entry: str) -> None:
        self._count = count
        self._entry = entry
        self._numbers = 0

    def check(self, file: File, offset: int) -> list[int]:
        """Refuse a table that is too long; return where those below it are."""
        file.seek(min(offset, 2**63 - 1))
        (tags,) = struct.unpack(self._count, file.read(struct.calcsize(self._count)))
        if tags > _MOST_TAGS:
            raise DecodeError(f"has a table of {tags} tags; at most {_MOST_TAGS} are taken")
        below = []
        rows = file.read(tags * struct.calcsize(self._entry))
        for tag, kind, count, value in struct.iter_unpack(self._entry, rows):
            if tag in _TABLES:
                if kind not in (_LONG, _IFD, _LONG8) or count != 1:
                    raise DecodeError(_DAMAGED)
                below.append(value)
            elif kind not in (_BYTES, _ASCII, _UNDEFINED):
                self._numbers += count
        if self._numbers > _MOST_NUMBERS:
            raise DecodeError(
                f"has tables of {self._numbers} numbers; at most {_MOST_NUMBERS} are taken"
            )
        return below
