from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from srstream.errors import DecodeError, Unreadable
from srstream.media.files import MAX_FILE_BYTES, opened, read_file


def read(path: Path, **options: Any) -> bytes:
    with opened(path, **options) as file:
        return read_file(file, max_bytes=MAX_FILE_BYTES)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(bytes(range(256)) * 1000)
    assert read(path) == bytes(range(256)) * 1000


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.touch()
    with pytest.raises(DecodeError, match=r"^is empty$"):
        read(path)


def test_a_file_that_vanished_is_said_to_have_vanished(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"^vanished before it could be read$"):
        read(tmp_path / "gone.png")


def test_a_link_to_nowhere_counts_as_vanished(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.symlink_to(tmp_path / "gone.png")
    with pytest.raises(DecodeError, match="vanished"):
        read(path)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.mkdir()
    with pytest.raises(DecodeError, match=r"^is a directory, not a picture$"):
        read(path)


@pytest.mark.timeout(5)
def test_a_fifo_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    os.mkfifo(path)
    with pytest.raises(DecodeError, match=r"^is a FIFO, not a picture$"):
        read(path)


@pytest.mark.timeout(5)
def test_a_file_swapped_for_a_fifo_at_the_last_moment_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"was a file when it was looked at")
    looked_at = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _: looked_at)
    with pytest.raises(DecodeError, match=r"^is a FIFO, not a picture$"):
        read(path)


def test_a_device_is_refused() -> None:
    assert stat.S_ISCHR(Path("/dev/zero").stat().st_mode)
    with pytest.raises(DecodeError, match=r"^is a device, not a picture$"):
        read(Path("/dev/zero"))


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("x.png")
        with pytest.raises(DecodeError, match=r"^is a socket, not a picture$"):
            read(Path("x.png"))


@pytest.mark.parametrize(
    "number", [errno.EACCES, errno.EPERM, errno.EBUSY, errno.EIO, errno.ESTALE]
)
def test_what_cannot_be_opened_now_is_unreadable_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"secret")

    def deny(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", deny)  # root may read everything
    with pytest.raises(Unreadable, match=f"(?i)^cannot be read now: {os.strerror(number)}"):
        read(path)


def test_an_error_of_the_disk_while_it_is_read_is_no_fault_of_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"x")
    with pytest.raises(Unreadable), opened(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_file_must_lie_in_the_folder_wherever_its_path_leads(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "x.png").write_bytes(b"x")
    (tmp_path / "inbox-2.png").write_bytes(b"secret")
    (inbox / "out.png").symlink_to("../inbox-2.png")
    assert read(inbox / "x.png", within=str(inbox)) == b"x"
    with pytest.raises(DecodeError, match="leads out of the folder"):
        read(inbox / "out.png", within=str(inbox))


def test_any_other_trouble_is_told_in_the_words_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.symlink_to(path)
    with pytest.raises(DecodeError, match="symbolic links"):
        read(path)


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DecodeError, match="has 1099511627776 bytes; at most 1073741824"):
        read(path)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_file_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.touch()
    before = open_files()
    for _ in range(10):
        with pytest.raises(DecodeError):
            read(path)
    assert open_files() == before
