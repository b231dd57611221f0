from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from srstream.errors import DecodeError
from srstream.media.decode import decode_picture
from srstream.media.sixteen import decode_16bit, encode_16bit_png

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def noise(channels: int, *, height: int = 19, width: int = 33) -> np.ndarray:
    shape = (height, width, channels)
    return np.random.default_rng(5).integers(0, 65_536, shape).astype(np.uint16)


def chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def png_by_hand(pixels: np.ndarray, *, before_pixels: bytes = b"") -> bytes:
    """Write a PNG without filters, straight from the specification."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before_pixels
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    position, found = 8, []
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        kind = png[position + 4 : position + 8]
        body = png[position + 8 : position + 8 + length]
        (crc,) = struct.unpack_from(">I", png, position + 8 + length)
        assert crc == zlib.crc32(kind + body)
        found.append((kind, body))
        position += 12 + length
    return found


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_is_read_exactly(channels: int) -> None:
    pixels = noise(channels)
    picture = decode_picture(png_by_hand(pixels), max_pixels=19 * 33)
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels, pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (19, 33), (64, 64), (3, 201)])
def test_what_is_written_is_read_back_exactly(channels: int, size: tuple[int, int]) -> None:
    pixels = noise(channels, height=size[0], width=size[1])
    png = encode_16bit_png(pixels, compression=4)
    back = decode_picture(png, max_pixels=size[0] * size[1]).pixels
    np.testing.assert_array_equal(back, pixels)


def test_the_header_of_what_is_written_says_16_bits() -> None:
    for channels, colour_type in COLOUR_TYPES.items():
        kind, body = chunks_of(encode_16bit_png(noise(channels), compression=4))[0]
        assert kind == b"IHDR"
        assert struct.unpack(">IIBB", body[:10]) == (33, 19, 16, colour_type)


def test_a_transparent_grey_becomes_alpha() -> None:
    pixels = np.array([[[1000], [2000]]], np.uint16)
    transparent = chunk(b"tRNS", struct.pack(">H", 2000))
    picture = decode_picture(png_by_hand(pixels, before_pixels=transparent), max_pixels=2)
    assert picture.pixels.tolist() == [[[1000, 65535], [2000, 0]]]


def test_a_transparent_colour_becomes_alpha() -> None:
    pixels = np.array([[[1, 2, 3], [400, 500, 600]]], np.uint16)
    transparent = chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    picture = decode_picture(png_by_hand(pixels, before_pixels=transparent), max_pixels=2)
    assert picture.pixels.tolist() == [[[1, 2, 3, 0], [400, 500, 600, 65535]]]


def test_exif_data_behind_the_pixels_is_found() -> None:
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    png = png_by_hand(noise(3))
    picture = decode_picture(png[:-12] + chunk(b"eXIf", exif) + png[-12:], max_pixels=999)
    assert picture.extras.exif is not None
    assert picture.pixels.dtype == np.uint16


def test_broken_exif_data_does_not_cost_the_picture() -> None:
    pixels = noise(3)
    png = png_by_hand(pixels, before_pixels=chunk(b"eXIf", b"rubbish"))
    picture = decode_picture(png, max_pixels=999)
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.extras.exif is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_png_cut_short_is_refused(share: float) -> None:
    png = png_by_hand(noise(3))
    with pytest.raises(DecodeError, match="damaged or cut short"):
        decode_picture(png[: int(len(png) * share)], max_pixels=10_000)


def test_a_picture_of_another_size_than_its_header_said_is_refused() -> None:
    with pytest.raises(DecodeError, match="says 34x19 and holds another size"):
        decode_16bit(png_by_hand(noise(3)), "png", width=34, height=19)


def test_a_picture_of_8_bits_is_not_taken_for_16() -> None:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\x80"))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(DecodeError, match="does not hold 16 bits"):
        decode_16bit(png, "png", width=1, height=1)


def test_profile_and_exif_stand_between_header_and_pixels() -> None:
    png = encode_16bit_png(
        noise(3), compression=4, icc=b"a profile", exif=b"Exif\0\0MM\0*rest"
    )
    chunks = chunks_of(png)
    kinds = [kind for kind, _ in chunks]
    assert kinds[:3] == [b"IHDR", b"iCCP", b"eXIf"]
    assert b"IDAT" in kinds[3:]
    assert kinds[-1] == b"IEND"
    name, _, rest = chunks[1][1].partition(b"\0")
    assert 1 <= len(name) <= 79
    assert rest[:1] == b"\0"
    assert zlib.decompress(rest[1:]) == b"a profile"
    assert chunks[2][1] == b"MM\0*rest"


def test_without_extras_there_is_nothing_but_the_picture() -> None:
    chunks = dict(chunks_of(encode_16bit_png(noise(4), compression=4)))
    assert set(chunks) <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}
    across, down, unit = struct.unpack(">IIB", chunks[b"pHYs"])
    assert across == down > 0  # square pixels
    assert unit == 0
