"""Picture files for tests: good ones, and all that must be refused."""

from __future__ import annotations

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictures import edges


def save(
    path: Path, pixels: NDArray[np.uint8] | None = None, **options: Any
) -> NDArray[np.uint8]:
    """Write a small picture, if no other with edges, and return its pixels."""
    pixels = edges(20, 24) if pixels is None else pixels
    Image.fromarray(pixels).save(path, **options)
    return pixels


def content(kind: str = "PNG") -> bytes:
    """Return the content of a small picture file."""
    out = BytesIO()
    Image.fromarray(edges(20, 24)).save(out, kind)
    return out.getvalue()


BAD = {
    "cut.png": "cut short",
    "cut.jpg": "cut short",
    "empty.png": "is empty",
    "text.png": "is not a picture",
    "bomb.png": "is 65000x65000; at most",
    "bomb.jpg": "is 65000x65000; at most",
    "folder.png": "is a directory",
    "fifo.png": "is a FIFO",
    "lost.png": "is a link that leads nowhere",
}
"""The names that `spoil` makes, and a part of why each is refused."""


def spoil(folder: Path) -> None:
    """Make one of everything that is no picture and has a picture's name."""
    png, jpeg = content("PNG"), content("JPEG")
    (folder / "cut.png").write_bytes(png[: len(png) // 2])
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("this is not a picture")
    (folder / "bomb.png").write_bytes(_png_claiming(65_000, 65_000))
    (folder / "bomb.jpg").write_bytes(_jpeg_claiming(65_000, 65_000))
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "fifo.png")
    (folder / "lost.png").symlink_to(folder / "nowhere")


def _png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10_000_000)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def _jpeg_claiming(width: int, height: int) -> bytes:
    jpeg = bytearray(content("JPEG"))
    start = jpeg.index(b"\xff\xc0")  # marker, length (2), precision (1), height, width
    jpeg[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)
