from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from srstream.media.exif import exif_of, fit_exif, only_orientation

ORIENTATION = 0x0112
EXIF_PART = 0x8769
GPS_PART = 0x8825
WIDTH, HEIGHT = 0xA002, 0xA003
MAKER_NOTE = 0x927C
THUMBNAIL = -1  # Pillow's number for the second table


def table(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(data)
    return exif


def camera_exif() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    exif[0x010F] = "Maker"
    exif[0x0100] = 640
    exif[EXIF_PART] = {WIDTH: 640, HEIGHT: 480, MAKER_NOTE: b"\1\2\3", 0x9003: "2024"}
    exif[GPS_PART] = {1: "N"}
    return exif.tobytes()


def opened(file_format: str, **options: object) -> Image.Image:
    out = BytesIO()
    Image.new("RGB", (9, 5)).save(out, file_format, **options)
    return Image.open(BytesIO(out.getvalue()))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_all_that_the_camera_wrote_is_taken_along(file_format: str) -> None:
    taken = exif_of(opened(file_format, exif=camera_exif()))
    assert taken is not None
    exif = table(taken)
    assert exif[ORIENTATION] == 8
    assert exif[0x010F] == "Maker"
    assert exif.get_ifd(EXIF_PART)[MAKER_NOTE] == b"\1\2\3"
    assert exif.get_ifd(GPS_PART) == {1: "N"}


def test_a_picture_without_exif_data_has_none() -> None:
    assert exif_of(opened("PNG")) is None
    assert exif_of(opened("JPEG")) is None


def test_an_orientation_that_only_xmp_gives_is_taken() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="3"/></x:xmpmeta>'
    taken = exif_of(opened("JPEG", xmp=xmp))
    assert taken is not None
    assert table(taken)[ORIENTATION] == 3


def test_a_broken_table_counts_as_none() -> None:
    assert exif_of(opened("JPEG", exif=b"Exif\0\0rubbish")) is None


def test_of_a_table_that_cannot_be_written_the_orientation_is_left() -> None:
    image = opened("JPEG", exif=camera_exif())
    exif = image.getexif()
    exif[0x0110] = object()  # no type of TIFF
    taken = exif_of(image)
    assert taken is not None
    assert dict(table(taken)) == {ORIENTATION: 8}


def test_the_size_is_corrected_and_the_rest_kept() -> None:
    exif = table(fit_exif(camera_exif(), width=1280, height=960))
    details = exif.get_ifd(EXIF_PART)
    assert (details[WIDTH], details[HEIGHT]) == (1280, 960)
    assert details[MAKER_NOTE] == b"\1\2\3"
    assert details[0x9003] == "2024"
    assert exif[ORIENTATION] == 8
    assert 0x0100 not in exif
    assert exif.get_ifd(GPS_PART) == {1: "N"}


def test_a_size_that_was_not_given_is_not_added() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    fitted = table(fit_exif(exif.tobytes(), width=10, height=20))
    assert dict(fitted) == {ORIENTATION: 6}


def test_the_thumbnail_of_the_small_picture_is_left_out() -> None:
    # a table with the orientation, and behind it one with how the thumbnail is packed
    entries = b"\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
    thumbnail = b"\x01\0\x03\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    data = b"II*\0\x08\0\0\0" + entries + b"\x1a\0\0\0" + thumbnail
    assert table(b"Exif\0\0" + data).get_ifd(THUMBNAIL)
    fitted = table(fit_exif(b"Exif\0\0" + data, width=1, height=1))
    assert not fitted.get_ifd(THUMBNAIL)
    assert fitted[ORIENTATION] == 6


def test_data_that_is_no_table_is_dropped() -> None:
    assert fit_exif(b"Exif\0\0rubbish", width=1, height=1) == b""


def test_the_orientation_alone_can_be_had() -> None:
    assert dict(table(only_orientation(camera_exif()))) == {ORIENTATION: 8}
    assert only_orientation(Image.Exif().tobytes()) == b""
    assert only_orientation(b"Exif\0\0rubbish") == b""
