from __future__ import annotations

import os
import resource
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from srstream.errors import DecodeError
from srstream.media.decode import decode_picture, read_picture, read_size

PLENTY = 10_000_000


def noise(height: int, width: int, channels: int) -> np.ndarray:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, channels))
    return pixels.astype(np.uint8)


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def png_claiming(width: int, height: int, *, bits: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b"\0" * 10_000))
        + png_chunk(b"IEND", b"")
    )


def jpeg_claiming(width: int, height: int) -> bytes:
    jpeg = bytearray(saved(Image.new("RGB", (8, 8)), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")  # marker, length (2), precision (1), height, width
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


def gif_claiming(width: int, height: int) -> bytes:
    gif = saved(Image.new("L", (8, 8)), "GIF")
    return gif[:6] + struct.pack("<HH", width, height) + gif[10:]


@pytest.mark.parametrize(
    ("file_format", "channels"),
    [
        *(("PNG", channels) for channels in (1, 2, 3, 4)),
        *(("TIFF", channels) for channels in (1, 2, 3, 4)),
        ("BMP", 3),
        ("PPM", 1),
        ("PPM", 3),
    ],
)
def test_lossless_pictures_of_8_bits_come_out_exactly(
    file_format: str, channels: int
) -> None:
    pixels = noise(9, 13, channels)
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    picture = decode_picture(saved(image, file_format), max_pixels=PLENTY)
    assert picture.pixels.dtype == np.uint8
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.size == (13, 9)
    assert picture.notes == ()


def test_webp_comes_out_exactly() -> None:
    pixels = noise(9, 13, 3)
    data = saved(Image.fromarray(pixels), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode_picture(data, max_pixels=PLENTY).pixels, pixels)


def test_the_shortest_webp_is_a_picture_and_what_is_cut_shorter_is_not() -> None:
    empty = Image.new("RGBA", (16, 9))
    data = saved(empty, "WEBP", lossless=True, quality=100, method=6)
    assert len(data) < 30  # as long as all other headers of WebP
    np.testing.assert_array_equal(
        decode_picture(data, max_pixels=PLENTY).pixels, np.zeros((9, 16, 4))
    )
    for length in range(12, len(data)):
        with pytest.raises(DecodeError):
            decode_picture(data[:length], max_pixels=PLENTY)


def test_a_jpeg_comes_out_as_pillow_reads_it() -> None:
    data = saved(Image.fromarray(noise(9, 13, 3)), "JPEG")
    expected = np.asarray(Image.open(BytesIO(data)))
    np.testing.assert_array_equal(decode_picture(data, max_pixels=PLENTY).pixels, expected)


def test_a_single_pixel_is_a_picture() -> None:
    data = saved(Image.new("L", (1, 1), 77), "PNG")
    assert decode_picture(data, max_pixels=1).pixels.tolist() == [[[77]]]


def test_the_pixels_can_be_written_to() -> None:
    data = saved(Image.new("RGB", (3, 3)), "PNG")
    assert decode_picture(data, max_pixels=PLENTY).pixels.flags.writeable


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (png_claiming(65_000, 65_000), "bomb.png"),
        (png_claiming(65_000, 65_000, bits=16), "deep.png"),
        (jpeg_claiming(65_000, 65_000), "bomb.jpg"),
        (b"P6 65000 65000 255\n", "bomb.ppm"),
        (gif_claiming(65_000, 65_000), "bomb.gif"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_decompression_bomb_is_refused_from_its_header(
    data: bytes, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DecodeError, match="is 65000x65000; at most 100000000"):
        read_picture(path, max_pixels=100_000_000)
    # the pixels would take 4 to 25 GB; the unit is kilobytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("bomb", [png_claiming, jpeg_claiming])
def test_the_size_that_a_bomb_claims_is_told(bomb: Callable[..., bytes]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_picture(bomb(65_000, 65_000), max_pixels=50_000_000)
    assert str(caught.value) == "is 65000x65000; at most 50000000 pixels are taken"


def test_a_picture_of_just_the_allowed_size_is_taken() -> None:
    data = saved(Image.new("L", (10, 20)), "PNG")
    assert decode_picture(data, max_pixels=200).size == (10, 20)
    with pytest.raises(DecodeError, match="is 10x20; at most 199"):
        decode_picture(data, max_pixels=199)


def test_pillows_own_limit_does_not_stand_in_the_way() -> None:
    # 90 million pixels make Pillow warn, and warnings are errors here
    data = png_claiming(10_000, 9_000)
    with pytest.raises(DecodeError, match="damaged or cut short"):
        decode_picture(data, max_pixels=1_000_000_000)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_picture_cut_short_is_refused(file_format: str, share: float) -> None:
    data = saved(Image.fromarray(noise(64, 64, 3)), file_format)
    with pytest.raises(DecodeError, match="damaged"):
        decode_picture(data[: int(len(data) * share)], max_pixels=PLENTY)


def test_text_named_png_is_refused_in_one_line_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("this is not a picture\n" * 100)
    with pytest.raises(DecodeError) as caught:
        read_picture(path, max_pixels=PLENTY)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a picture we take (PNG, JPEG")
    assert "\n" not in message


def test_a_kind_that_we_do_not_take_is_refused_though_pillow_reads_it() -> None:
    with pytest.raises(DecodeError, match="is not a picture we take"):
        decode_picture(saved(Image.new("RGB", (9, 9)), "TGA"), max_pixels=PLENTY)


def test_an_empty_file_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(DecodeError) as caught:
        read_picture(path, max_pixels=PLENTY)
    assert str(caught.value) == f"{path} is empty"


@pytest.mark.timeout(5)
def test_a_fifo_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    os.mkfifo(path)
    with pytest.raises(DecodeError) as caught:
        read_picture(path, max_pixels=PLENTY)
    assert str(caught.value) == f"{path} is a FIFO, not a picture"


def test_a_name_with_a_line_break_does_not_break_the_message(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines\udcff.png"
    path.touch()
    with pytest.raises(DecodeError) as caught:
        read_picture(path, max_pixels=PLENTY)
    assert str(caught.value).endswith(r"two\nlines\udcff.png is empty")


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_a_channel_are_refused_with_what_is_taken(mode: str) -> None:
    data = saved(Image.new(mode, (9, 9)), "TIFF")
    with pytest.raises(DecodeError, match=r"32 bits.*8 and 16 bits, grey or RGB"):
        decode_picture(data, max_pixels=PLENTY)


@pytest.mark.parametrize("header", [b"P6 2 2 65535\n", b"P6 2 2 1023\n"])
def test_a_deep_ppm_is_refused_rather_than_narrowed(header: bytes) -> None:
    with pytest.raises(DecodeError, match="bits a channel, which is taken from PNG"):
        decode_picture(header + bytes(24), max_pixels=PLENTY)


def test_a_deep_pgm_is_refused() -> None:
    with pytest.raises(DecodeError, match="has pixels of kind I"):
        decode_picture(b"P5 2 2 65535\n" + bytes(8), max_pixels=PLENTY)


def test_of_an_animation_the_first_picture_is_taken_and_that_is_said() -> None:
    first, second = Image.new("L", (5, 4), 10), Image.new("L", (5, 4), 200)
    for file_format in ("GIF", "PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if file_format == "WEBP" else {}
        data = saved(first, file_format, save_all=True, append_images=[second], **options)
        picture = decode_picture(data, max_pixels=PLENTY)
        assert (picture.pixels[:, :, 0] == 10).all()
        assert "first of several pictures in the file taken" in picture.notes


def test_orientation_and_profile_travel_and_the_pixels_are_not_turned() -> None:
    pixels = noise(6, 10, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(pixels), "PNG", exif=exif, icc_profile=b"a profile")
    picture = decode_picture(data, max_pixels=PLENTY)
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.extras.icc == b"a profile"
    assert picture.extras.exif is not None
    carried = Image.Exif()
    carried.load(picture.extras.exif)
    assert carried[0x0112] == 6


def test_a_tiff_looks_the_same_upright_as_its_source() -> None:
    pixels = noise(6, 10, 3)
    data = saved(Image.fromarray(pixels), "TIFF", tiffinfo={0x0112: 6})
    picture = decode_picture(data, max_pixels=PLENTY)
    result = Image.fromarray(picture.pixels)
    if picture.extras.exif:
        result.info["exif"] = picture.extras.exif
    upright = ImageOps.exif_transpose(result)
    np.testing.assert_array_equal(np.asarray(upright), np.rot90(pixels, -1))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM"])
def test_the_size_is_read_from_the_header(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / "x"
    turned = Image.Exif()
    turned[0x0112] = 6  # pixels are not turned, so this is of no concern
    image = Image.fromarray(noise(5, 7, 3))
    path.write_bytes(saved(image, file_format, exif=turned))
    assert read_size(path) == (7, 5)


def test_the_size_needs_no_pixels(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png_claiming(65_000, 65_000)[:100])
    assert read_size(path) == (65_000, 65_000)


def test_a_tiff_does_not_tell_its_size_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(saved(Image.new("L", (7, 5)), "TIFF"))
    assert read_size(path) is None


def test_what_has_no_header_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_text("not a picture")
    with pytest.raises(DecodeError, match=r"x\.png is not a picture"):
        read_size(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DecodeError, match=r"x\.png is a FIFO"):
        read_size(path)
