from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from srstream.frames import Picture
from srstream.media.decode import decode_picture


def decoded(image: Image.Image, file_format: str, **options: object) -> Picture:
    out = BytesIO()
    image.save(out, file_format, **options)
    return decode_picture(out.getvalue(), max_pixels=10_000)


def palette_image() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 128, 255])
    image.putdata([0, 1])
    return image


def test_a_palette_becomes_rgb_and_that_is_said() -> None:
    picture = decoded(palette_image(), "PNG")
    assert picture.pixels.tolist() == [[[255, 0, 0], [0, 128, 255]]]
    assert picture.notes == ("palette converted to RGB",)


def test_a_palette_with_transparency_becomes_rgba() -> None:
    picture = decoded(palette_image(), "PNG", transparency=bytes([255, 64]))
    assert picture.pixels.tolist() == [[[255, 0, 0, 255], [0, 128, 255, 64]]]


def test_a_transparent_colour_of_a_gif_becomes_alpha() -> None:
    picture = decoded(palette_image(), "GIF", transparency=1)
    assert picture.pixels[0, :, 3].tolist() == [255, 0]
    assert picture.pixels[0, 0, :3].tolist() == [255, 0, 0]


def test_one_bit_becomes_grey() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    picture = decoded(image, "PNG")
    assert picture.pixels.tolist() == [[[0], [255]]]
    assert picture.notes == ("1-bit converted to grey",)


def test_a_transparent_grey_of_a_png_becomes_alpha() -> None:
    image = Image.new("L", (2, 1))
    image.putdata([10, 20])
    picture = decoded(image, "PNG", transparency=20)
    assert picture.pixels.tolist() == [[[10, 255], [20, 0]]]


def test_a_transparent_colour_of_a_png_becomes_alpha() -> None:
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 8, 7))
    picture = decoded(image, "PNG", transparency=(9, 8, 7))
    assert picture.pixels.tolist() == [[[1, 2, 3, 255], [9, 8, 7, 0]]]


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_inks_without_a_profile_become_rgb_and_that_is_said(file_format: str) -> None:
    picture = decoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), file_format)
    red, green, blue = picture.pixels.reshape(-1, 3).mean(0)
    assert red < 3
    assert green > 252
    assert blue > 252
    assert picture.notes == ("CMYK converted to RGB",)


def lab_profile_for_inks(*, paper: bytes, inked: bytes) -> bytes:
    """Make an ICC profile: `inked` where the first ink is, black where the last is.

    Both are CIE L*a*b* in 8 bits. ICC.1:2001, section 6.5.8 (lut8Type).
    """
    black = bytes([0, 128, 128])
    grid = b"".join(  # of the corners; the first ink varies slowest
        black if corner & 1 else inked if corner & 8 else paper for corner in range(16)
    )
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    text = b"text\0\0\0\0none\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"inks\0" + bytes(78)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    parts = {b"desc": description, b"cprt": text, b"wtpt": white, b"A2B0": table}
    directory, body = struct.pack(">I", len(parts)), b""
    start = 128 + 4 + 12 * len(parts)
    for name, part in parts.items():
        directory += name + struct.pack(">II", start + len(body), len(part))
        body += part + bytes(-len(part) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s4s24s3i48s",
        start + len(body),
        b"test",
        0x02400000,
        b"prtr",
        b"CMYK",
        b"Lab ",
        b"",
        b"acsp",
        b"",
        b"",
        63190,
        65536,
        54061,
        b"",
    )
    return header + directory + body


def test_inks_are_converted_by_their_profile_which_does_not_travel() -> None:
    profile = lab_profile_for_inks(
        paper=bytes([255, 128, 128]),  # L* 100: white
        inked=bytes([128, 128, 128]),  # L* 50.2: grey, sRGB 119.5
    )
    for first_ink, level in ((0, 255), (255, 119.5)):
        image = Image.new("CMYK", (8, 8), (first_ink, 0, 0, 0))
        picture = decoded(image, "TIFF", icc_profile=profile)
        np.testing.assert_allclose(picture.pixels, level, atol=2)
        assert picture.extras.icc is None
        assert picture.notes == ("CMYK converted to RGB",)


def test_inks_with_a_broken_profile_are_converted_plainly() -> None:
    picture = decoded(
        Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF", icc_profile=b"junk"
    )
    assert (picture.pixels == [0, 255, 255]).all()
    assert picture.extras.icc is None
