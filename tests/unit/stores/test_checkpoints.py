from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from srstream.ports import Checkpoints
from srstream.stores import checkpoints
from srstream.stores.checkpoints import FileCheckpoints


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def file_of(seq: int) -> str:
    return f"00000000000{seq}.safetensors"


def test_the_newest_state_is_returned_with_its_number(tmp_path: Path) -> None:
    kept: Checkpoints = FileCheckpoints(tmp_path / "state" / "demo")
    assert kept.newest() is None
    kept.save(1, b"one")
    kept.save(2, b"two")
    assert kept.newest() == (2, b"two")
    again: Checkpoints = FileCheckpoints(tmp_path / "state" / "demo")
    assert again.newest() == (2, b"two")
    assert again.newest(up_to=1) == (1, b"one")
    assert again.newest(up_to=0) is None


def test_numbers_are_compared_as_numbers(tmp_path: Path) -> None:
    kept = FileCheckpoints(tmp_path)
    for seq in (9, 10, 10**12):
        kept.save(seq, str(seq).encode())
    assert kept.newest(up_to=11) == (10, b"10")
    assert kept.newest() == (10**12, b"1000000000000")


def test_only_its_owner_may_look_into_the_folder_and_its_files(tmp_path: Path) -> None:
    FileCheckpoints(tmp_path / "demo").save(1, b"one")
    assert stat.S_IMODE((tmp_path / "demo").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "demo" / file_of(1)).stat().st_mode) == 0o600


def test_the_last_few_are_kept(tmp_path: Path) -> None:
    kept = FileCheckpoints(tmp_path, keep=2)
    for seq in (1, 2, 5):
        kept.save(seq, b"")
    assert names_in(tmp_path) == [file_of(2), file_of(5)]


def test_a_save_drops_higher_numbers_since_frames_are_numbered_anew(
    tmp_path: Path,
) -> None:
    kept = FileCheckpoints(tmp_path, keep=3)
    for seq in (5, 6, 7):
        kept.save(seq, b"old")
    FileCheckpoints(tmp_path, keep=3).save(6, b"new")
    assert kept.newest() == (6, b"new")
    assert names_in(tmp_path) == [file_of(5), file_of(6)]


def test_what_was_rejected_is_kept_aside_with_its_reason_on_one_line(
    tmp_path: Path,
) -> None:
    kept = FileCheckpoints(tmp_path)
    kept.save(1, b"one")
    kept.save(2, b"two")
    kept.reject(2, "net is 'a\nb'\x1b; wanted: \udcff")
    assert kept.newest() == (1, b"one")
    aside = tmp_path / f"{file_of(2)}.rejected"
    assert aside.read_bytes() == b"two"
    reason = aside.with_name(aside.name + ".reason")
    assert reason.read_bytes() == b"net is 'a b'?; wanted: ?\n"
    assert FileCheckpoints(tmp_path).newest() == (1, b"one")


def test_rejected_ones_do_not_count_among_the_kept_and_do_not_pile_up(
    tmp_path: Path,
) -> None:
    kept = FileCheckpoints(tmp_path, keep=2)
    for seq in range(1, 5):
        kept.save(seq, b"")
        kept.reject(seq, "it does not fit")
    kept.save(5, b"")
    kept.save(6, b"")
    rejected = [f"{file_of(seq)}.rejected" for seq in (3, 4)]
    reasons = [f"{name}.reason" for name in rejected]
    assert names_in(tmp_path) == sorted([file_of(5), file_of(6), *rejected, *reasons])


def test_the_one_just_rejected_is_there_to_be_looked_at(tmp_path: Path) -> None:
    kept = FileCheckpoints(tmp_path, keep=1)
    for seq in (3, 4):
        kept.save(seq, b"")
        kept.reject(seq, "it does not fit")
    kept.save(2, b"")
    kept.reject(2, "it does not fit")
    assert f"{file_of(2)}.rejected" in names_in(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "large"])
def test_what_cannot_be_read_is_rejected_on_the_way(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LARGEST", 100)
    kept = FileCheckpoints(tmp_path)
    kept.save(1, b"one")
    path = tmp_path / file_of(2)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / file_of(1))
    else:
        path.write_bytes(bytes(101))
    with capture_logs() as logs:
        assert kept.newest() == (1, b"one")
        assert kept.newest() == (1, b"one")
    reason = (tmp_path / f"{file_of(2)}.rejected.reason").read_text()
    assert reason.startswith("cannot be read: ")
    assert [log["event"] for log in logs] == ["checkpoint set aside"]


def test_what_cannot_be_read_now_is_passed_over_and_kept_for_another_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FileCheckpoints(tmp_path)
    kept.save(1, b"one")
    kept.save(2, b"two")
    opening = os.open

    def broken(path: str | Path, *rest: int) -> int:
        if Path(path).name == file_of(2):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opening(path, *rest)

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(os, "open", broken)
        assert kept.newest() == (1, b"one")
    (said,) = logs
    assert said["reason"] == "cannot be read: Input/output error"
    assert FileCheckpoints(tmp_path).newest() == (2, b"two")


def test_rejecting_what_is_gone_or_cannot_be_renamed_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FileCheckpoints(tmp_path / "demo")
    kept.reject(7, "there never was one")
    kept.save(1, b"one")

    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refused)
    kept.reject(1, "it does not fit")
    assert kept.newest() is None  # though it is still there
    assert file_of(1) in names_in(tmp_path / "demo")


def test_a_number_that_was_rejected_can_be_saved_anew(tmp_path: Path) -> None:
    kept = FileCheckpoints(tmp_path)
    kept.save(1, b"bad")
    kept.reject(1, "it does not fit")
    kept.save(1, b"good")
    assert kept.newest() == (1, b"good")


def test_a_state_that_cannot_be_written_is_an_error_and_harms_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FileCheckpoints(tmp_path, keep=1)
    kept.save(1, b"one")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            kept.save(2, b"two")
    assert kept.newest() == (1, b"one")
    assert names_in(tmp_path) == [file_of(1)]


def test_what_a_dead_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".0badcafe-1.part").write_bytes(b"half")
    (tmp_path / file_of(1)).write_bytes(b"one")
    assert FileCheckpoints(tmp_path).newest() == (1, b"one")
    assert names_in(tmp_path) == [file_of(1)]


def test_other_names_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    others = [
        "1.safetensors",
        "0000000000001.safetensors",
        "000000000002.safetensors.bak",
        "000000000003.npz",
        "notes.txt",
    ]
    for name in others:
        (tmp_path / name).write_bytes(b"x")
    kept = FileCheckpoints(tmp_path, keep=1)
    assert kept.newest() is None
    kept.save(4, b"")
    kept.save(5, b"")
    assert names_in(tmp_path) == sorted([*others, file_of(5)])


def test_a_folder_that_cannot_be_read_has_no_state(tmp_path: Path) -> None:
    (tmp_path / "demo").write_bytes(b"a file, not a folder")
    kept = FileCheckpoints(tmp_path / "demo")
    assert kept.newest() is None
    with pytest.raises(OSError, match=r"exists|[Dd]irectory"):
        kept.save(1, b"one")
