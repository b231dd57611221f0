"""What costs much is refused before it does; `bench bombs` measures how much it costs."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from bench.bombs import (
    BOMBS,
    MAX_PIXELS,
    Bomb,
    canvas,
    exif,
    jpeg,
    lossless,
    png,
    scans,
    segment,
    tiff,
    webp,
)
from srstream.errors import DecodeError, Unreadable
from srstream.media.decode import decode_picture, read_picture
from srstream.media.header import check_header
from srstream.media.jpeg import MAX_SCANS
from srstream.media.sipping import MAX_HEADER_BYTES
from srstream.media.tables import check_tables


@pytest.mark.timeout(10)
@pytest.mark.filterwarnings("ignore")  # of Pillow, about broken tables
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_with_a_reason_unless_it_holds_a_small_picture(
    tmp_path: Path, bomb: Bomb
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb.build())
    if bomb.is_taken:
        width, height = read_picture(path, max_pixels=MAX_PIXELS).size
        assert width <= 16
        assert height <= 16
        return
    with pytest.raises(DecodeError) as refused:
        read_picture(path, max_pixels=MAX_PIXELS)
    assert str(refused.value).startswith(f"{path} ")
    assert str(refused.value).isprintable()


def decoded(data: bytes) -> tuple[int, int]:
    return decode_picture(data, max_pixels=1000).size


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (png, (2, 2)),
        (jpeg, (16, 16)),
        (tiff, (2, 2)),
        (lambda: webp(lossless(30, 33)), (30, 33)),
        (lambda: webp(canvas(30, 33), lossless(30, 33)), (30, 33)),
        (lambda: jpeg(segment(0xFE, b"said") * 400), (16, 16)),
        (lambda: scans(MAX_SCANS // 2, side=30), (30, 30)),
    ],
)
def test_what_looks_like_a_bomb_and_is_none_is_taken(
    build: Callable[[], bytes], size: tuple[int, int]
) -> None:
    assert decoded(build()) == size


def test_a_file_of_another_kind_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "disk.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DecodeError, match="is not a picture we take"):
        read_picture(path, max_pixels=1000)


def test_a_file_that_is_much_longer_than_its_picture_is_refused_unread(
    tmp_path: Path,
) -> None:
    path = tmp_path / "long.png"
    path.write_bytes(png())
    with path.open("r+b") as file:
        file.truncate(MAX_HEADER_BYTES + 100)
    with pytest.raises(DecodeError, match="has 4194404 bytes; at most 4194336 are taken"):
        read_picture(path, max_pixels=1000)


class Failing(BytesIO):
    """A file on a disk that fails behind the first bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= 16:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("build", [png, jpeg, tiff])
def test_an_error_of_the_disk_in_a_header_is_no_fault_of_the_picture(
    build: Callable[[], bytes],
) -> None:
    data = build()
    with pytest.raises(OSError, match="Input/output error"):
        check_header(Failing(data[:16] + bytes(4) + data[20:]), max_pixels=1000)


def test_such_a_file_is_unreadable_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())

    def fail(*_: object, **__: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("srstream.media.decode.check_header", fail)
    with pytest.raises(Unreadable, match=rf"^{path} cannot be read now: input/output"):
        read_picture(path, max_pixels=1000)


def test_tables_of_a_usual_length_pass() -> None:
    check_tables(BytesIO(exif(500)))
    check_tables(BytesIO(b"no table at all"))


def test_a_table_that_points_to_itself_is_not_followed_for_ever() -> None:
    data = bytearray(exif(1))
    data[10:22] = b"\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00"  # EXIF: at byte 8
    check_tables(BytesIO(bytes(data)))
