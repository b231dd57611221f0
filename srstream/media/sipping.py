"""A file that is read for its header only, and says stop when that is too long."""

from __future__ import annotations

from io import SEEK_SET
from typing import BinaryIO

from srstream.errors import DecodeError

MAX_HEADER_BYTES = 4 << 20
"""Profiles, EXIF data and texts before the pixels; those of cameras have some 100 kB."""
MAX_READS = 2000
"""Three or four to a part of a header, such as a segment of a JPEG: some 500 parts."""


class Sipping:
    """As much of a file object as decoders need to look at a header."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bytes = MAX_HEADER_BYTES
        self._reads = MAX_READS
        self.error: OSError | None = None
        """What went wrong with the file itself; decoders may pass over it."""
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Read, but not more than a header can have.

        Raises:
            DecodeError: it would be.
        """
        if size < 0 or size > self._bytes or not self._reads:
            # One byte more than is left shows whether the file has that much.
            data = self._read(self._bytes + 1) if self._reads else b""
            if len(data) > self._bytes or not self._reads:
                raise DecodeError(
                    f"has a header of more than {MAX_HEADER_BYTES} bytes or "
                    f"{MAX_READS // 4} parts"
                )
        else:
            data = self._read(size)
        self._bytes -= len(data)
        self._reads -= 1
        return data

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go to a place in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as exc:
            self.error = exc
            raise
