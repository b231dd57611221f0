from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from srstream.errors import DecodeError
from srstream.media.decode import decode_picture

PLENTY = 10_000


def noise(channels: int) -> np.ndarray:
    pixels = np.random.default_rng(3).integers(0, 65_536, (37, 25, channels))
    return pixels.astype(np.uint16)


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    out = BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("predictor", [None, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_read_exactly(
    channels: int, compression: str | None, predictor: bool | None, byteorder: str
) -> None:
    pixels = noise(channels)
    data = tiff(
        pixels[:, :, 0] if channels == 1 else pixels,
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
        compression=compression,
        predictor=predictor if compression else None,
        byteorder=byteorder,
        rowsperstrip=8,
    )
    picture = decode_picture(data, max_pixels=37 * 25)
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels, pixels)


def test_planes_one_after_the_other_are_read_exactly() -> None:
    pixels = noise(3)
    data = tiff(pixels.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    picture = decode_picture(data, max_pixels=PLENTY)
    np.testing.assert_array_equal(picture.pixels, pixels)


def test_grey_in_tiles_is_read_exactly() -> None:
    pixels = noise(1)
    data = tiff(pixels[:, :, 0], photometric="minisblack", tile=(16, 16))
    picture = decode_picture(data, max_pixels=PLENTY)
    np.testing.assert_array_equal(picture.pixels, pixels)


def test_white_as_zero_is_turned() -> None:
    pixels = noise(1)
    data = tiff(pixels[:, :, 0], photometric="miniswhite")
    picture = decode_picture(data, max_pixels=PLENTY)
    np.testing.assert_array_equal(picture.pixels, 65_535 - pixels)


def test_colour_in_tiles_is_refused_as_ffmpeg_would_scramble_it() -> None:
    data = tiff(noise(3), photometric="rgb", tile=(16, 16))
    with pytest.raises(DecodeError, match="in tiles"):
        decode_picture(data, max_pixels=PLENTY)


def test_premultiplied_alpha_is_refused() -> None:
    data = tiff(noise(4), photometric="rgb", extrasamples=["assocalpha"])
    with pytest.raises(DecodeError, match="premultiplied"):
        decode_picture(data, max_pixels=PLENTY)


def test_inks_of_16_bits_are_refused() -> None:
    data = tiff(noise(4), photometric="separated")
    with pytest.raises(DecodeError, match="16 bits a channel, of kind CMYK"):
        decode_picture(data, max_pixels=PLENTY)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_cut_short_is_refused(channels: int) -> None:
    pixels = noise(channels)
    data = tiff(pixels[:, :, 0] if channels == 1 else pixels)
    with pytest.raises(DecodeError, match="damaged"):
        decode_picture(data[: len(data) // 2], max_pixels=PLENTY)


def test_colour_looks_the_same_upright_as_its_source() -> None:
    pixels = noise(3)
    data = tiff(pixels, photometric="rgb", extratags=[(0x0112, "H", 1, 6, True)])
    picture = decode_picture(data, max_pixels=PLENTY)
    high_bytes = Image.fromarray((picture.pixels >> 8).astype(np.uint8))
    assert picture.extras.exif is not None
    high_bytes.info["exif"] = picture.extras.exif
    upright = np.asarray(ImageOps.exif_transpose(high_bytes))
    np.testing.assert_array_equal(upright, np.rot90(pixels >> 8, -1))


def test_of_the_tags_only_those_about_the_photograph_travel() -> None:
    data = tiff(
        noise(3), photometric="rgb", software="Camera", datetime="2024:01:02 03:04:05"
    )
    picture = decode_picture(data, max_pixels=PLENTY)
    assert picture.extras.exif is not None
    exif = Image.Exif()
    exif.load(picture.extras.exif)
    assert exif[0x0131] == "Camera"
    assert exif[0x0132] == "2024:01:02 03:04:05"
    assert not {0x0100, 0x0101, 0x0102, 0x0103, 0x0111, 0x0117} & set(exif)
