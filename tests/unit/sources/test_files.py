from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import zone_plate
from srstream.errors import DecodeError, Postponed, Unreadable
from srstream.frames import Picture
from srstream.sources import files
from srstream.sources.files import Look, digest_unchanged, look_at, read_unchanged, seen_at


def save(path: Path, *, phase: float = 0.0) -> Path:
    Image.fromarray(zone_plate(12, 16, phase=phase)).save(path)
    return path


def looked_at(path: Path, *, within: Path | None = None) -> Look:
    look = look_at(path, within=None if within is None else str(within))
    assert look is not None
    return look


def read(path: Path, *, within: Path | None = None) -> Picture:
    return read_unchanged(path, looked_at(path, within=within), max_pixels=1000)


def test_a_file_that_did_not_change_is_read(tmp_path: Path) -> None:
    picture = read(save(tmp_path / "a.png"))
    np.testing.assert_array_equal(picture.pixels, zone_plate(12, 16))


def test_nothing_is_seen_where_nothing_is(tmp_path: Path) -> None:
    assert look_at(tmp_path / "a.png") is None


def test_a_file_that_changed_since_it_was_looked_at_is_postponed(
    tmp_path: Path,
) -> None:
    path = save(tmp_path / "a.png")
    look = look_at(path)
    assert look is not None
    os.utime(path, (1, 1))
    with pytest.raises(Postponed):
        read_unchanged(path, look, max_pixels=1000)


@pytest.mark.parametrize("decodes", [True, False])
def test_a_file_that_changes_while_it_is_read_is_postponed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decodes: bool
) -> None:
    path = save(tmp_path / "a.png")

    def read_while_written(path: Path, *, max_pixels: int, within: str | None) -> Picture:
        path.write_bytes(b"half of a new picture")
        if decodes:
            return Picture(zone_plate(12, 16))
        raise DecodeError("is cut short")

    monkeypatch.setattr(files, "read_picture", read_while_written)
    with pytest.raises(Postponed):
        read(path)


def test_a_file_that_is_deleted_after_it_was_read_whole_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png")
    whole = Picture(zone_plate(12, 16))

    def read_and_lose(path: Path, *, max_pixels: int, within: str | None) -> Picture:
        path.unlink()
        return whole

    monkeypatch.setattr(files, "read_picture", read_and_lose)
    assert read(path) is whole


def test_a_deleted_file_is_said_to_have_vanished(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    look = look_at(path)
    assert look is not None
    path.unlink()
    with pytest.raises(DecodeError, match=r"a\.png.* vanished before it could be read"):
        read_unchanged(path, look, max_pixels=1000)


def test_what_is_not_a_file_is_refused_by_name_and_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "missing")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.png"))
        for name, reason in {
            "folder.png": "is a directory",
            "pipe.png": "is a FIFO",
            "socket.png": "is a socket",
            "nowhere.png": "is a link that leads nowhere",
        }.items():
            look = look_at(tmp_path / name)
            assert look is not None
            assert not look.is_file
            with pytest.raises(DecodeError, match=f"{name}.* {reason}"):
                read(tmp_path / name)


def test_a_link_may_stay_within_the_folder_but_not_lead_out_of_it(
    tmp_path: Path,
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    save(inbox / "a.png")
    save(tmp_path / "secret.png")
    (inbox / "within.png").symlink_to("a.png")
    (inbox / "out.png").symlink_to("../secret.png")
    assert read(inbox / "within.png", within=inbox).size == (16, 12)
    with pytest.raises(DecodeError, match=r"out\.png.* leads out of the folder"):
        read(inbox / "out.png", within=inbox)
    assert read(inbox / "out.png").size == (16, 12)


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    with pytest.raises(DecodeError, match="leads nowhere"):
        read(tmp_path / "a.png")


def test_a_link_that_is_put_in_the_place_of_a_file_does_not_lead_out(
    tmp_path: Path,
) -> None:
    """Same size, same time of change: a look does not tell them apart."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    secret, path = save(tmp_path / "secret.png"), save(inbox / "a.png")
    for file in (secret, path):
        os.utime(file, (1, 1))
    look = look_at(path, within=str(inbox))
    assert look is not None
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(DecodeError, match=r"a\.png is a link that leads out"):
        read_unchanged(path, look, max_pixels=1000)
    assert digest_unchanged(path, look) is None


def test_a_name_that_is_too_long_is_of_nothing(tmp_path: Path) -> None:
    assert seen_at(f"{tmp_path}/{'x' * 300}.png", within=None) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_unreadable_not_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    path.chmod(0)
    with pytest.raises(Unreadable, match="permission denied"):
        read(path)


def test_what_is_read_is_told_with_its_hash_and_when(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    before = time.time_ns()
    contents = [read(path).content, digest_unchanged(path, looked_at(path))]
    for content in contents:
        assert content is not None
        assert content.digest == hashlib.sha256(path.read_bytes()).digest()
        assert before <= content.read_at_ns <= time.time_ns()


def test_there_is_no_hash_of_what_changed_or_is_gone(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    look = looked_at(path)
    path.write_bytes(b"something else")
    assert digest_unchanged(path, look) is None
    path.unlink()
    assert digest_unchanged(path, look) is None
