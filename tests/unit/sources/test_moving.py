from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from srstream.ledger import Signature
from srstream.sources.moving import bring_back, move, put_back_left_overs, remove


def write(path: Path, text: str = "old") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(10**18, 10**18 + 1))
    return path


def signature(path: Path) -> Signature:
    status = path.stat()
    return Signature(status.st_size, status.st_mtime_ns)


def all_below(folder: Path) -> dict[str, str]:
    """Every file below, the hidden ones too, with its content."""
    files = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def _refuse_other_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every folder be a file system of its own, but for those of temporary names."""
    link, rename = os.link, Path.rename

    def check(path: Path, to: Path) -> None:
        ends = {path.parent, to.parent}
        if len({end.parent if end.suffix == ".part" else end for end in ends}) > 1:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def link_within(path: Path, to: Path) -> None:
        check(path, to)
        link(path, to)

    def rename_within(path: Path, to: Path) -> Path:
        check(path, to)
        return rename(path, to)

    monkeypatch.setattr(os, "link", link_within)
    monkeypatch.setattr(Path, "rename", rename_within)


@pytest.fixture(params=["same disk", "no second names", "other disk"])
def disks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders on one file system, on one without links, or on two."""
    if request.param == "other disk":
        _refuse_other_folders(monkeypatch)
    elif request.param == "no second names":

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("disks")
def test_a_file_is_moved_with_its_date_and_folders_are_made(tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "a.png")
    expected, to = signature(path), tmp_path / "out" / "deep" / "a.png"
    assert move(path, to, expected) == to
    assert signature(to) == expected
    assert all_below(tmp_path) == {"out/deep/a.png": "old"}


@pytest.mark.usefixtures("disks")
def test_nothing_is_overwritten_and_a_second_file_gets_a_number(tmp_path: Path) -> None:
    to = write(tmp_path / "out" / "a.png", "one")
    write(tmp_path / "out" / "a~2.png", "two")
    path = write(tmp_path / "a.png", "six")
    assert move(path, to, signature(path)) == to.with_name("a~3.png")
    expected = {"out/a.png": "one", "out/a~2.png": "two", "out/a~3.png": "six"}
    assert all_below(tmp_path) == expected


@pytest.mark.usefixtures("disks")
def test_a_file_that_was_moved_before_a_crash_is_only_removed(tmp_path: Path) -> None:
    path, to = write(tmp_path / "a.png"), write(tmp_path / "out" / "a.png")
    assert move(path, to, signature(path)) == to
    assert all_below(tmp_path) == {"out/a.png": "old"}


@pytest.mark.usefixtures("disks")
def test_a_file_that_has_changed_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", "newer")
    assert move(path, tmp_path / "out" / "a.png", Signature(3, 5)) is None
    assert not remove(path, Signature(3, 5))
    assert all_below(tmp_path) == {"a.png": "newer"}


@pytest.mark.usefixtures("disks")
def test_a_file_that_somebody_writes_to_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    with path.open("r+"):
        remove(path, signature(path))
    assert all_below(tmp_path) == {"a.png": "old"}


def test_a_file_that_has_changed_is_not_out_of_its_place_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.png", "newer")

    def refuse(old: Path, _: Path) -> Path:
        raise AssertionError(f"{old} was renamed")

    monkeypatch.setattr(Path, "rename", refuse)
    assert move(path, tmp_path / "out" / "a.png", Signature(3, 5)) is None
    assert not remove(path, Signature(3, 5))


def _replace_just_before(
    owner: object, call: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a camera rename a new file over the old one when it is about to leave."""
    really = getattr(owner, call)

    def overtaken(old: Path, to: Path) -> object:
        if old == path:
            write(path.with_name(".camera"), "newest").replace(path)
        return really(old, to)

    monkeypatch.setattr(owner, call, overtaken)


def test_a_file_that_is_replaced_just_before_it_is_deleted_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.png")
    expected = signature(path)
    _replace_just_before(Path, "rename", path, monkeypatch)
    assert not remove(path, expected)
    assert all_below(tmp_path) == {"a.png": "newest"}


def test_a_file_that_is_replaced_just_before_it_is_moved_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.png")
    expected = signature(path)
    _replace_just_before(os, "link", path, monkeypatch)
    assert move(path, tmp_path / "out" / "a.png", expected) is None
    assert all_below(tmp_path) == {"a.png": "newest"}


def test_what_comes_while_a_file_is_moved_stays_and_the_old_one_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, to = write(tmp_path / "a.png"), tmp_path / "out" / "a.png"
    expected = signature(path)
    _replace_just_before(Path, "rename", path, monkeypatch)
    assert move(path, to, expected) == to
    assert all_below(tmp_path) == {"a.png": "newest", "out/a.png": "old"}


@pytest.mark.parametrize("newest", ["a file", "another link"])
def test_a_link_that_is_replaced_just_before_it_is_removed_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest: str
) -> None:
    target, link = write(tmp_path / "target"), tmp_path / "a.png"
    link.symlink_to("target")
    rename = Path.rename

    def overtake(old: Path, to: Path) -> Path:
        if old == link:
            if newest == "a file":
                rename(write(tmp_path / ".camera", "newest"), link)
            else:
                write(tmp_path / "newer", "newest")
                link.unlink()
                link.symlink_to("newer")
        return rename(old, to)

    monkeypatch.setattr(Path, "rename", overtake)
    assert not remove(link, signature(target))
    assert link.read_text() == "newest"


def test_a_file_that_becomes_a_link_just_before_it_is_removed_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.png")
    expected, rename = signature(path), Path.rename

    def overtake(old: Path, to: Path) -> Path:
        if old == path:
            write(tmp_path / "target", "newest")
            path.unlink()
            path.symlink_to("target")
        return rename(old, to)

    monkeypatch.setattr(Path, "rename", overtake)
    with pytest.raises(FileNotFoundError):  # as the link leads nowhere from another folder
        remove(path, expected)
    assert path.read_text() == "newest"


@pytest.mark.parametrize("call", ["link", "rename", "unlink", "rmdir"])
def test_a_process_that_is_killed_while_a_file_leaves_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    inbox, to = tmp_path / "in", tmp_path / "out" / "a.png"
    path = write(inbox / "a.png")
    expected = signature(path)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "link" else Path, call, kill)
        with pytest.raises(Killed):
            move(path, to, expected)
    monkeypatch.setattr("srstream.atomic._RUN", "0badcafe")  # the next process
    assert put_back_left_overs(inbox) == (call == "unlink", [])
    if path.exists():
        assert move(path, to, expected) == to
    assert all_below(tmp_path) == {"out/a.png": "old"}
    assert [path.name for path in inbox.iterdir()] == []


def test_what_is_put_back_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / ".0badcafe-1.part" / "a.png", "old")
    write(tmp_path / "a.png", "new")
    assert put_back_left_overs(tmp_path) == (1, [])
    assert all_below(tmp_path) == {"a.png": "new", "a~2.png": "old"}


def test_of_two_that_come_while_one_is_deleted_both_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.png", "first")
    expected, rename = signature(path), Path.rename

    def overtake(old: Path, to: Path) -> Path:
        if old == path:
            write(path, "second")
            rename(old, to)
            return write(path, "third")
        return rename(old, to)

    monkeypatch.setattr(Path, "rename", overtake)
    assert not remove(path, expected)
    assert all_below(tmp_path) == {"a.png": "third", "a~2.png": "second"}


def test_what_fails_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.png")
    before = signature(path)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _refuse_other_folders(monkeypatch)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        move(path, tmp_path / "out" / "a.png", before)
    assert all_below(tmp_path) == {"a.png": "old"}
    assert signature(path) == before


def test_of_a_copy_that_was_killed_nothing_is_under_the_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    (tmp_path / "target").write_text("old")
    link = tmp_path / "a.png"
    link.symlink_to("target")  # which is copied, as is a file on another disk
    monkeypatch.setattr(os, "fsync", kill)
    with pytest.raises(Killed):
        move(link, tmp_path / "out" / "a.png", signature(link))
    assert not (tmp_path / "out" / "a.png").exists()


def test_a_link_is_removed_and_what_it_leads_to_is_copied(tmp_path: Path) -> None:
    target = write(tmp_path / "in" / "target")
    link = tmp_path / "in" / "a.png"
    link.symlink_to("target")
    to = tmp_path / "out" / "a.png"
    assert move(link, to, signature(target)) == to
    assert not to.is_symlink()
    assert all_below(tmp_path) == {"in/target": "old", "out/a.png": "old"}
    link.symlink_to("target")
    assert remove(link, signature(target))
    assert target.exists()


def test_a_file_that_is_there_already_is_not_touched(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    assert move(path, path, signature(path)) is None
    assert all_below(tmp_path) == {"a.png": "old"}


@pytest.mark.usefixtures("disks")
def test_a_file_is_brought_back_unless_there_is_one(tmp_path: Path) -> None:
    moved, place = write(tmp_path / "failed" / "a.png"), tmp_path / "in" / "a.png"
    assert bring_back(moved, place)
    assert all_below(tmp_path) == {"in/a.png": "old"}
    write(moved, "another")
    assert not bring_back(moved, place)
    assert all_below(tmp_path) == {"in/a.png": "old", "failed/a.png": "another"}


def test_a_file_that_was_brought_back_by_hand_is_no_error(tmp_path: Path) -> None:
    place = write(tmp_path / "in" / "a.png")
    assert not bring_back(tmp_path / "failed" / "a.png", place)
    assert all_below(tmp_path) == {"in/a.png": "old"}


def test_a_copy_to_a_file_system_without_rights_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "fchmod", refuse)
    path, to = write(tmp_path / "a.png"), tmp_path / "out" / "a.png"
    assert move(path, to, signature(path)) == to
    assert all_below(tmp_path) == {"out/a.png": "old"}
