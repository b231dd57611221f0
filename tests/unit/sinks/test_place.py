from __future__ import annotations

import os
from pathlib import Path

import pytest

from srstream.sinks.place import Place


def test_a_folder_is_made_with_all_above_it_at_first(tmp_path: Path) -> None:
    Place(tmp_path / "a" / "b").make()
    assert (tmp_path / "a" / "b").is_dir()


def test_later_it_is_made_again_but_none_above_it(tmp_path: Path) -> None:
    place = Place(tmp_path / "a" / "b")
    place.make()
    place.folder.rmdir()
    place.make()
    assert place.folder.is_dir()
    place.folder.rmdir()
    (tmp_path / "a").rmdir()
    with pytest.raises(FileNotFoundError):
        place.make()
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_made_at_first_is_made_with_all_above_it_later(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_bytes(b"")
    place = Place(tmp_path / "a" / "b")
    with pytest.raises(OSError, match="Not a directory"):
        place.make()
    (tmp_path / "a").unlink()
    place.make()
    assert place.folder.is_dir()


@pytest.mark.parametrize("folder", ["share", "share/out"])
def test_nothing_is_made_below_a_mount_point_whose_share_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    share = tmp_path / "share"
    mounted = {"/", str(share)}
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in mounted)
    share.mkdir()
    place = Place(tmp_path / folder)
    place.make()
    mounted.remove(str(share))
    if folder != "share":
        place.folder.rmdir()
    with pytest.raises(OSError, match=rf"mounted at {share} is gone"):
        place.make()
    assert list(share.iterdir()) == []
    mounted.add(str(share))
    place.make()
    assert place.folder.is_dir()


def test_a_link_that_was_pointed_elsewhere_does_not_need_the_old_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    link = tmp_path / "out"
    link.symlink_to(tmp_path / "old")
    mounted = {"/", str(tmp_path / "old")}
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in mounted)
    place = Place(link)
    place.make()
    mounted.remove(str(tmp_path / "old"))
    link.unlink()
    link.symlink_to(tmp_path / "new")
    place.make()
