from __future__ import annotations

import os
from pathlib import Path

import pytest

from srstream.sources.inotify_limits import room_for


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    folder = tmp_path / "limits"
    folder.mkdir()
    (folder / "max_user_watches").write_text("100\n")
    (folder / "max_user_instances").write_text("3\n")
    return folder


@pytest.fixture
def processes(tmp_path: Path) -> Path:
    """One with an instance of 60 watches and one with an instance of 30."""
    folder = tmp_path / "proc"
    for pid, watches in (("7", 60), ("12", 30)):
        for name in ("fd", "fdinfo"):
            (folder / pid / name).mkdir(parents=True)
        (folder / pid / "fd" / "3").symlink_to("anon_inode:inotify")
        (folder / pid / "fd" / "4").symlink_to("/dev/null")
        told = "pos:\t0\nflags:\t00\n" + "inotify wd:1 ino:9e7e sdev:800013\n" * watches
        (folder / pid / "fdinfo" / "3").write_text(told)
        (folder / pid / "fdinfo" / "4").write_text(told)
    (folder / "self").mkdir()
    (folder / "9").mkdir()  # it ended meanwhile
    return folder


def test_there_is_room_up_to_the_limit(limits: Path, processes: Path) -> None:
    assert room_for(10, limits=limits, processes=processes) is None


def test_watches_beyond_the_limit_are_told_with_the_remedy(
    limits: Path, processes: Path
) -> None:
    told = room_for(11, limits=limits, processes=processes)
    assert told == (
        "inotify: 90 of 100 watches are in use, and 11 more are needed; raise them by "
        "`sysctl fs.inotify.max_user_watches=202`"
    )


def test_so_are_instances(limits: Path, processes: Path) -> None:
    (limits / "max_user_instances").write_text("2\n")
    told = room_for(1, limits=limits, processes=processes)
    assert told is not None
    assert "2 of 2 instances" in told
    assert "fs.inotify.max_user_instances=4" in told


def test_other_users_do_not_count(
    limits: Path, processes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody_else = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody_else)
    assert room_for(100, limits=limits, processes=processes) is None


def test_where_limits_are_not_told_there_is_room(tmp_path: Path) -> None:
    assert room_for(10**9, limits=tmp_path, processes=tmp_path) is None


def test_the_watches_of_this_machine_are_counted() -> None:
    assert room_for(1) is None
    told = room_for(10**9)
    assert told is not None
    assert "max_user_watches" in told
