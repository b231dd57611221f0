from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from srstream.errors import StateDirError, StateDirInUse
from srstream.stores.state_dir import StateDir


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with StateDir.open(tmp_path / "a" / "state") as state:
        assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
        assert state.ledger == tmp_path / "a" / "state" / "ledger.db"
        assert state.stream("demo") == tmp_path / "a" / "state" / "streams" / "demo"


def test_the_second_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with StateDir.open(tmp_path):
        with pytest.raises(
            StateDirInUse, match=rf"in use.*\(pid {os.getpid()}\)"
        ) as caught:
            StateDir.open(tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert caught.value.errno == errno.EAGAIN


def test_after_it_is_closed_another_may_have_it(tmp_path: Path) -> None:
    first = StateDir.open(tmp_path)
    first.close()
    first.close()
    StateDir.open(tmp_path).close()


def test_a_longer_pid_from_before_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("12345678901234567890\n")
    with StateDir.open(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_file_in_its_place_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StateDirError, match="state: the state folder cannot") as caught:
        StateDir.open(tmp_path / "state")
    assert caught.value.errno == errno.EEXIST
    assert "daemon.state_dir" in str(caught.value)


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").symlink_to(victim)
    with pytest.raises(StateDirError):
        StateDir.open(tmp_path / "state")
    assert victim.read_text() == "precious"
