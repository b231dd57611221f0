"""Small files that make decoders work: one of every kind that is known, in every format."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

SIDE = 65_000
"""Of the pictures that bombs claim to be; 4 gigapixels."""
MAX_PIXELS = 50_000_000
"""What they are decoded with."""
_LEGAL = 7_000  # a side that is allowed
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Bomb:
    """A file, made when it is needed."""

    name: str
    build: Callable[[], bytes]
    is_taken: bool = False
    """Whether there is a small picture in it, which is to be decoded."""


# PNG: signature, then chunks of length, kind, body, CRC.


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """Return a chunk of a PNG."""
    crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def ihdr(width: int, height: int, *, bits: int = 8, kind: int = 2) -> bytes:
    """Return the header of a PNG; kind 2 is RGB."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))


def png(
    *between: bytes, header: bytes = b"", pixels: bytes = b"", after: bytes = b""
) -> bytes:
    """Return a PNG of 2x2 pixels, or what is given, with chunks before the pixels."""
    idat = chunk(b"IDAT", pixels or zlib.compress(bytes(2 * (1 + 2 * 3))))
    start = b"\x89PNG\r\n\x1a\n" + (header or ihdr(2, 2))
    return b"".join([start, *between, idat, after, chunk(b"IEND")])


def zeros(size: int) -> bytes:
    """Return so many zeros, compressed a thousandfold."""
    packer = zlib.compressobj(9)
    block = bytes(_MB)
    return b"".join([*(packer.compress(block) for _ in range(size // _MB)), packer.flush()])


def text(size: int) -> bytes:
    """Return a chunk of compressed text."""
    return chunk(b"zTXt", b"Comment\0\0" + zeros(size))


def exif(tags: int = 65_535) -> bytes:
    """Return EXIF data with so many tags, each another and a number."""
    table = b"".join(struct.pack("<HHII", tag, 4, 1, 7) for tag in range(tags))
    return b"II*\0" + struct.pack("<IH", 8, tags) + table + bytes(4)


def _nested() -> bytes:
    """Return EXIF data with one tag: where a table of 65,535 more is."""
    one = struct.pack("<HHIII", 0x8769, 4, 1, 26, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + one + exif()[8:]


_FRAMES = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
_FRAME = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2, 2, 0, 0, 1, 1, 0, 0))

PNG = (
    Bomb("size", lambda: png(header=ihdr(SIDE, SIDE), pixels=zeros(10 * _MB))),
    Bomb("largest size", lambda: png(header=ihdr(2**31 - 1, 2**31 - 1))),
    Bomb("16 bits, size", lambda: png(header=ihdr(SIDE, SIDE, bits=16), pixels=zeros(_MB))),
    Bomb(
        "16 bits, a second header",
        lambda: png(
            ihdr(SIDE, SIDE, bits=16), header=ihdr(9, 9, bits=16), pixels=zeros(_MB)
        ),
    ),
    Bomb("one text of 200 MB", lambda: png(text(200 * _MB))),
    Bomb("a hundred texts of 1 MB", lambda: png(text(_MB) * 100)),
    Bomb("texts behind the pixels", lambda: png(after=text(_MB) * 100)),
    Bomb(
        "international text",
        lambda: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(200 * _MB))),
    ),
    Bomb(
        "colour profile of 200 MB",
        lambda: png(chunk(b"iCCP", b"x\0\0" + zeros(200 * _MB))),
    ),
    Bomb("EXIF of 65,535 tags", lambda: png(chunk(b"eXIf", exif())), is_taken=True),
    Bomb("300,000 empty chunks", lambda: png(chunk(b"prVt") * 300_000)),
    Bomb("private chunk of 32 MB", lambda: png(chunk(b"prVt", bytes(32 * _MB)))),
    Bomb("pixels of 256 MB", lambda: png(pixels=zeros(256 * _MB)), is_taken=True),
    Bomb("EXIF tables below tables", lambda: png(chunk(b"eXIf", _nested())), is_taken=True),
    Bomb("animated, 2 billion frames", lambda: png(_FRAMES, _FRAME), is_taken=True),
)


# JPEG: marker, length, content.


def segment(marker: int, body: bytes = b"") -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(
    *between: bytes, width: int = 16, height: int = 16, progressive: bool = False
) -> bytes:
    """Return a JPEG of 16x16 pixels that claims another size, with more segments."""
    out = BytesIO()
    Image.new("L", (16, 16)).save(out, "JPEG", progressive=progressive)
    data = bytearray(out.getvalue())
    start = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data[:2]) + b"".join(between) + bytes(data[2:])


def scans(count: int, side: int = _LEGAL) -> bytes:
    """Return a flat progressive JPEG whose last scan is repeated so many times."""
    out = BytesIO()
    Image.new("L", (side, side)).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + whole[-2:]


def _exif_segments() -> bytes:
    data = exif()
    parts = (data[start : start + 65_000] for start in range(0, len(data), 65_000))
    return b"".join(segment(0xE1, b"Exif\0\0" + part) for part in parts)


def _profile() -> bytes:
    start = b"ICC_PROFILE\0"
    parts = (start + bytes([n, 255]) + bytes(65_000) for n in range(1, 256))
    return b"".join(segment(0xE2, part) for part in parts)


JPEG = (
    Bomb("size", lambda: jpeg(width=SIDE, height=SIDE)),
    Bomb("progressive, size", lambda: jpeg(width=SIDE, height=SIDE, progressive=True)),
    Bomb("20,000 scans", lambda: scans(20_000)),
    Bomb("20,000 scans of 16x16", lambda: scans(20_000, 16)),
    Bomb("500,000 empty segments", lambda: jpeg(segment(0xFE) * 500_000)),
    Bomb("fill bytes of 4 MB", lambda: jpeg(b"\xff" * 4 * _MB)),
    Bomb("rubbish of 4 MB between segments", lambda: jpeg(bytes(4 * _MB))),
    Bomb("EXIF of 65,535 tags", lambda: jpeg(_exif_segments()), is_taken=True),
    Bomb("colour profile of 16 MB", lambda: jpeg(_profile())),
)


# TIFF: a table of tags, each of number, type, count, value or where the values are.

_SHORT, _LONG, _LONG8 = 3, 4, 16


def tiff(
    *tags: tuple[int, int, int, int], width: int = 2, height: int = 2, big: bool = False
) -> bytes:
    """Return a TIFF of grey pixels at byte 8 (16 if big); tags given replace the usual."""
    start = 16 if big else 8
    table = {
        256: (_LONG, 1, width),
        257: (_LONG, 1, height),
        258: (_SHORT, 1, 8),  # bits
        259: (_SHORT, 1, 1),  # no compression
        262: (_SHORT, 1, 1),  # black is zero
        273: (_LONG, 1, start),  # where the strips are
        277: (_SHORT, 1, 1),  # samples
        278: (_LONG, 1, height),  # rows of a strip
        279: (_LONG, 1, 4),  # bytes of a strip
    }
    table.update({tag: (kind, count, value) for tag, kind, count, value in tags})
    one, head = ("<HHQQ", "<2sHHHQ") if big else ("<HHII", "<2sHI")
    begin = start + 8
    header = (b"II", 43, 8, 0, begin) if big else (b"II", 42, begin)
    rows = b"".join(struct.pack(one, tag, *row) for tag, row in sorted(table.items()))
    count = struct.pack("<Q" if big else "<H", len(table))
    return struct.pack(head, *header) + bytes(8) + count + rows + bytes(8 if big else 4)


def tiff_with(
    data: bytes, *tags: tuple[int, int, int, int], width: int = 2, height: int = 2
) -> bytes:
    """Return a TIFF with data at its end; a value of -1 becomes where it is."""
    place = len(tiff(*((*tag[:3], 0) for tag in tags)))
    there = ((*tag[:3], place if tag[3] < 0 else tag[3]) for tag in tags)
    return tiff(*there, width=width, height=height) + data


def _circle() -> bytes:
    data = bytearray(tiff())
    data[-4:] = data[4:8]  # the table after the first is the first
    return bytes(data)


def _numbers(count: int) -> bytes:
    return np.full(count, 8, "<u4").tobytes()


TIFF = (
    Bomb("size", lambda: tiff(width=SIDE, height=SIDE)),
    Bomb("largest size", lambda: tiff(width=2**32 - 1, height=2**32 - 1)),
    Bomb("BigTIFF, size", lambda: tiff(width=SIDE, height=SIDE, big=True)),
    Bomb(
        "BigTIFF, sides of 64 bits",
        lambda: tiff((256, _LONG8, 1, 2**63), (257, _LONG8, 1, 2**63), big=True),
    ),
    Bomb("65,535 tags", exif),
    Bomb(
        "BigTIFF, 10^18 tags", lambda: struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 10**18)
    ),
    Bomb("4 billion strips", lambda: tiff((273, _LONG, 2**32 - 1, 8))),
    Bomb(
        "a million strips",
        lambda: tiff_with(
            _numbers(10**6), (273, _LONG, 10**6, -1), (278, _LONG, 1, 1), height=10**6
        ),
    ),
    Bomb(
        "49 million tiles of a pixel",
        lambda: tiff_with(
            _numbers(900_000),
            (322, _LONG, 1, 1),
            (323, _LONG, 1, 1),
            (324, _LONG, 900_000, -1),
            (325, _LONG, 900_000, -1),
            width=_LEGAL,
            height=_LEGAL,
        ),
    ),
    Bomb(
        "a tile of 2 billion squared",
        lambda: tiff(
            (259, _SHORT, 1, 8),
            (322, _LONG, 1, 2**31 - 16),
            (323, _LONG, 1, 2**31 - 16),
            (324, _LONG, 1, 8),
            (325, _LONG, 1, 8),
        ),
    ),
    Bomb("65,535 samples", lambda: tiff((277, _SHORT, 1, 65_535))),
    Bomb("65,535 bits a sample", lambda: tiff((258, _SHORT, 1, 65_535))),
    Bomb(
        "bits of a million samples",
        lambda: tiff_with(
            bytes(2 * 10**6), (258, _SHORT, 10**6, -1), (277, _LONG, 1, 10**6)
        ),
    ),
    Bomb("XMP of 32 MB", lambda: tiff_with(bytes(32 * _MB), (700, 1, 32 * _MB, -1))),
    Bomb(
        "a strip of 200 MB, compressed",
        lambda: tiff_with(
            zeros(200 * _MB),
            (259, _SHORT, 1, 8),
            (273, _LONG, 1, -1),
            (279, _LONG, 1, 203_000),
        ),
        is_taken=True,
    ),
    Bomb(
        "16 bits, a strip of 200 MB",
        lambda: tiff_with(
            zeros(200 * _MB),
            (258, _SHORT, 1, 16),
            (259, _SHORT, 1, 8),
            (262, _SHORT, 1, 2),
            (273, _LONG, 1, -1),
            (277, _SHORT, 1, 3),
            (279, _LONG, 1, 203_000),
        ),
        is_taken=True,
    ),
    Bomb("tables in a circle", _circle, is_taken=True),
)


# WebP: RIFF chunks of kind, length, content, to an even length.


def riff(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a WebP."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp(*chunks: bytes) -> bytes:
    """Return a WebP of these chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    """Return the header of an extended WebP."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def lossless(width: int, height: int) -> bytes:
    """Return a picture of one colour, whatever its size, in a few bytes."""
    out = BytesIO()
    Image.new("RGB", (2, 2)).save(out, "WEBP", lossless=True)
    body = bytearray(out.getvalue()[20:])
    (bits,) = struct.unpack_from("<I", body, 1)
    sides = (width - 1) | (height - 1) << 14
    struct.pack_into("<I", body, 1, bits >> 28 << 28 | sides)
    return riff(b"VP8L", bytes(body))


def _lossy(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (16, 16)).save(out, "WEBP")
    data = bytearray(out.getvalue())
    start = data.index(b"\x9d\x01\x2a") + 3
    data[start : start + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def _frames(count: int) -> bytes:
    picture = lossless(2, 2)
    place = bytes(6) + (1).to_bytes(3, "little") * 2  # at 0, 0; 2x2
    frame = riff(b"ANMF", place + (1).to_bytes(3, "little") + b"\0" + picture)
    return webp(canvas(2, 2, flags=2), riff(b"ANIM", bytes(6)), frame * count)


WEBP = (
    Bomb("lossy, size", lambda: _lossy(16_383, 16_383)),
    Bomb("lossless, size", lambda: webp(lossless(16_383, 16_383))),
    Bomb("canvas of 16384x16384", lambda: webp(canvas(1 << 14, 1 << 14), lossless(2, 2))),
    Bomb("largest canvas", lambda: webp(canvas(1 << 24, 1 << 24), lossless(2, 2))),
    Bomb(
        "a larger picture on a canvas", lambda: webp(canvas(2, 2), lossless(9_999, 9_999))
    ),
    Bomb(
        "colour profile of 8 MB",
        lambda: webp(canvas(2, 2, flags=32), riff(b"ICCP", bytes(8 * _MB)), lossless(2, 2)),
    ),
    Bomb("animated, 50,000 frames", lambda: _frames(50_000), is_taken=True),
)


# BMP: where the pixels are; the size of the header that follows, sides, planes, bits.


def bmp(
    width: int = 2,
    height: int = 2,
    *,
    bits: int = 8,
    compression: int = 0,
    colours: int = 2,
    header: int = 40,
    pixels: bytes = bytes(8),
) -> bytes:
    """Return a BMP."""
    sides = struct.pack("<IiiHHI", header, width, height, 1, bits, compression)
    rest = struct.pack("<IiiII", 0, 0, 0, colours, 0)
    start = 14 + 40 + 4 * min(colours, 256)
    palette = bytes(range(8)) + bytes(4 * min(colours, 256) - 8)
    return b"BM" + struct.pack("<III", 0, 0, start) + sides + rest + palette + pixels


BMP = (
    Bomb("size", lambda: bmp(SIDE, SIDE)),
    Bomb("height below zero", lambda: bmp(2**16, -(2**31))),
    Bomb("width below zero", lambda: bmp(-(2**31), 2)),
    Bomb("run lengths, size", lambda: bmp(SIDE, SIDE, compression=1)),
    Bomb("2 billion colours", lambda: bmp(colours=2**31 - 1)),
    Bomb("header of 2 GB", lambda: bmp(header=2**31 - 1)),
)


# GIF: screen, colours, then frames, comments and other blocks.


def gif(*blocks: bytes, width: int = 2, height: int = 2) -> bytes:
    """Return a GIF of two colours."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return b"GIF89a" + screen + bytes(range(6)) + b"".join(blocks) + b";"


def gif_frame(width: int = 2, height: int = 2) -> bytes:
    """Return a frame of four pixels that claims another size."""
    place = struct.pack("<HHHHB", 0, 0, width, height, 0)
    return b"," + place + b"\x02\x03\x04\x00\x05\x00"


_COMMENT = b"!\xfe" + (b"\xff" + bytes([32]) * 255) * 16_000 + b"\0"

GIF = (
    Bomb("size", lambda: gif(gif_frame(), width=65_535, height=65_535)),
    Bomb("frame larger than the screen", lambda: gif(gif_frame(65_535, 65_535))),
    Bomb("comment of 4 MB", lambda: gif(_COMMENT, gif_frame())),
    Bomb("200,000 empty comments", lambda: gif(b"!\xfe\1x\0" * 200_000, gif_frame())),
    Bomb("200,000 frames", lambda: gif(gif_frame() * 200_000), is_taken=True),
)


# PPM and its kin: kind, width, height, largest value, as text.

PPM = (
    Bomb("size", lambda: b"P6 %d %d 255\n" % (SIDE, SIDE)),
    Bomb("plain, size", lambda: b"P3 %d %d 255\n" % (SIDE, SIDE)),
    Bomb("sides of 4 million digits", lambda: b"P6 " + b"9" * 4 * _MB + b" 2 255\n"),
    Bomb("comment of 4 MB", lambda: b"P6 #" + b"x" * 4 * _MB + b"\n2 2 255\n" + bytes(12)),
    Bomb("spaces of 4 MB", lambda: b"P6" + b" " * 4 * _MB + b"2 2 255\n" + bytes(12)),
    Bomb("largest value", lambda: b"P6 2 2 %d\n" % 2**31 + bytes(12)),
)

BOMBS = {
    f"{kind}: {bomb.name}": bomb
    for kind, bombs in {
        "PNG": PNG,
        "JPEG": JPEG,
        "TIFF": TIFF,
        "WebP": WEBP,
        "BMP": BMP,
        "GIF": GIF,
        "PPM": PPM,
    }.items()
    for bomb in bombs
}
"""All of them, by format and name."""
