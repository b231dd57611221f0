from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from srstream.errors import SinkError
from srstream.frames import Extras
from srstream.media.decode import decode_picture
from srstream.media.encode import encode_picture, jpeg_losses

PLENTY = 10_000_000
NOTHING = Extras()


def noise(channels: int, dtype: type, *, height: int = 12, width: int = 17) -> np.ndarray:
    most = np.iinfo(dtype).max
    shape = (height, width, channels)
    return np.random.default_rng(1).integers(0, most, shape, dtype, endpoint=True)


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("compression", [1, 4, 9])
def test_8_bits_are_read_back_exactly_by_pillow(channels: int, compression: int) -> None:
    pixels = noise(channels, np.uint8)
    image = opened(encode_picture(pixels, NOTHING, format="png", compression=compression))
    assert image.format == "PNG"
    assert image.mode == ("L", "LA", "RGB", "RGBA")[channels - 1]
    np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_16_bit_grey_is_read_back_exactly_by_pillow() -> None:
    pixels = noise(1, np.uint16)
    image = opened(encode_picture(pixels, NOTHING, format="png"))
    np.testing.assert_array_equal(np.asarray(image), pixels[:, :, 0])


@pytest.mark.parametrize("channels", [3, 4])
def test_of_16_bit_colour_pillow_reads_the_upper_bytes(channels: int) -> None:
    pixels = noise(channels, np.uint16)
    image = opened(encode_picture(pixels, NOTHING, format="png"))
    np.testing.assert_array_equal(np.asarray(image), pixels >> 8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_floats_are_written_with_16_bits_as_png(channels: int) -> None:
    deep = noise(channels, np.uint16)
    data = encode_picture((deep / 65_535).astype(np.float32), NOTHING, format="png")
    np.testing.assert_array_equal(decode_picture(data, max_pixels=PLENTY).pixels, deep)


def test_floats_are_written_with_8_bits_as_jpeg() -> None:
    pixels = np.full((16, 16, 3), 0.5, np.float32)
    image = opened(encode_picture(pixels, NOTHING, format="jpg"))
    assert np.abs(np.asarray(image).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_of_any_memory_layout_are_written(dtype: type) -> None:
    pixels = noise(3, dtype).transpose(1, 0, 2)[::-1, ::2]
    data = encode_picture(pixels, NOTHING, format="png")
    back = decode_picture(data, max_pixels=PLENTY).pixels
    np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("file_format", ["png", "jpg"])
def test_orientation_and_profile_survive_from_file_to_file(
    file_format: Literal["png", "jpg"], channels: int, dtype: type
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = noise(channels, dtype)
    source = encode_picture(pixels, Extras(icc=profile, exif=exif.tobytes()), format="png")
    picture = decode_picture(source, max_pixels=PLENTY)
    assert picture.extras.icc == profile
    enlarged = picture.pixels.repeat(2, 0).repeat(2, 1)
    result = opened(encode_picture(enlarged, picture.extras, format=file_format))
    assert result.size == (34, 24)
    assert result.info["icc_profile"] == profile
    assert result.getexif()[0x0112] == 6
    assert ImageOps.exif_transpose(result).size == (24, 34)


def test_the_size_in_the_exif_data_is_that_of_the_result() -> None:
    exif = Image.Exif()
    exif[0x8769] = {0xA002: 8, 0xA003: 6}
    data = encode_picture(noise(3, np.uint8), Extras(exif=exif.tobytes()), format="jpg")
    details = opened(data).getexif().get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (17, 12)


def test_a_jpeg_is_close_to_a_smooth_picture_and_keeps_its_colours() -> None:
    ramp = np.linspace(0, 255, 64)
    pixels = np.stack(
        [np.tile(ramp, (64, 1)), np.tile(ramp[:, None], 64), np.full((64, 64), 90.0)], 2
    ).astype(np.uint8)
    image = opened(encode_picture(pixels, NOTHING, format="jpg"))
    assert image.format == "JPEG"
    assert image.layer[0][1:3] == (1, 1)  # the colours are not halved
    error = np.asarray(image).astype(int) - pixels
    assert np.abs(error).max() <= 8


def test_a_better_jpeg_is_larger() -> None:
    pixels = noise(3, np.uint8)
    sizes = [
        len(encode_picture(pixels, NOTHING, format="jpg", quality=quality))
        for quality in (30, 60, 95)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB")])
def test_a_jpeg_drops_alpha_and_rounds_16_bits(channels: int, mode: str) -> None:
    # 32,896 is exactly 128 of 255; its upper byte is 128 as well. 32,767 rounds to 127.
    pixels = np.full((16, 16, channels), 32_767 + 129, np.uint16)
    image = opened(encode_picture(pixels, NOTHING, format="jpg"))
    assert image.mode == mode
    assert np.abs(np.asarray(image).astype(int) - 128).max() <= 1


def test_what_a_jpeg_cannot_hold_is_named() -> None:
    assert jpeg_losses(noise(3, np.uint8)) == ()
    assert jpeg_losses(noise(1, np.uint8)) == ()
    assert jpeg_losses(noise(2, np.uint8)) == ("transparency",)
    assert jpeg_losses(noise(3, np.uint16)) == ("16-bit depth",)
    assert jpeg_losses(noise(4, np.uint16)) == ("transparency", "16-bit depth")
    assert jpeg_losses(np.zeros((2, 2, 3), np.float32)) == ("floating point",)


def test_exif_data_too_long_for_a_jpeg_is_reduced_to_the_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "long " * 20_000
    extras = Extras(exif=exif.tobytes())
    pixels = noise(3, np.uint8)
    assert dict(opened(encode_picture(pixels, extras, format="jpg")).getexif()) == {
        0x0112: 6
    }
    kept = opened(encode_picture(pixels, extras, format="png")).getexif()
    assert kept[0x010E] == exif[0x010E]


def test_a_picture_too_large_for_a_jpeg_is_refused_by_name_of_the_limit() -> None:
    pixels = np.zeros((1, 65_501, 1), np.uint8)
    with pytest.raises(SinkError, match=r"65501x1 cannot be written as jpg.*65500"):
        encode_picture(pixels, NOTHING, format="jpg")
    assert encode_picture(pixels, NOTHING, format="png")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_extras_that_are_rubbish_do_no_harm(dtype: type) -> None:
    pixels = noise(3, dtype)
    extras = Extras(icc=b"rubbish", exif=b"rubbish")
    data = encode_picture(pixels, extras, format="png")
    back = decode_picture(data, max_pixels=PLENTY)
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.extras == Extras(icc=b"rubbish")


def test_a_photograph_from_a_camera_keeps_its_looks(tmp_path: Path) -> None:
    """The whole way: a JPEG with orientation 6 in, a PNG out, both turned upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))
    Image.fromarray(ramp).save(tmp_path / "in.jpg", exif=exif)
    source = (tmp_path / "in.jpg").read_bytes()
    picture = decode_picture(source, max_pixels=PLENTY)
    result = opened(encode_picture(picture.pixels, picture.extras, format="png"))
    np.testing.assert_array_equal(
        np.asarray(ImageOps.exif_transpose(result)),
        np.asarray(ImageOps.exif_transpose(opened(source))),
    )
