from __future__ import annotations

from pathlib import Path

import pytest

from srstream.errors import SinkError, SinkUnavailable
from srstream.sinks.below import is_below, make_folders_between, path_below


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a.png"),
        ("a.b", "a.b.png"),
        ("a/b", "a/b.png"),
        ("2026/01/a b", "2026/01/a b.png"),
        (".hidden/-rf", ".hidden/-rf.png"),
        ("...", "....png"),
        ("a\\b", "a\\b.png"),
        ("d" * 255 + "/" + "a" * 251, "d" * 255 + "/" + "a" * 251 + ".png"),
        ("\udcff/a\nb", "\udcff/a\nb.png"),
    ],
)
def test_parts_of_a_name_are_folders(name: str, path: str) -> None:
    assert str(path_below(Path("/out"), name, "png")) == f"/out/{path}"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", "a/..", "a\0/b"],
)
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(SinkError, match="is not a name for a file in /out"):
        path_below(Path("/out"), name, "png")


@pytest.mark.parametrize("name", ["a" * 252, "é" * 126, "d" * 256 + "/a", "\ud800/a"])
def test_a_name_that_no_file_system_takes_is_refused(name: str) -> None:
    with pytest.raises(SinkError, match=r"name for a file|too long"):
        path_below(Path("/out"), name, "png")


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    make_folders_between(tmp_path, tmp_path / "a" / "b" / "c.png")
    assert list((tmp_path / "a").iterdir()) == [tmp_path / "a" / "b"]
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    tmp_path: Path, *, exists: bool
) -> None:
    folder, outside = tmp_path / "out", tmp_path / "outside"
    folder.mkdir()
    if exists:
        outside.mkdir()
    (folder / "a").symlink_to(outside)
    with pytest.raises(SinkError, match="leads out of") as raised:
        make_folders_between(folder, folder / "a" / "b" / "c.png")
    assert not isinstance(raised.value, SinkUnavailable)
    assert not (outside / "b").exists()
    assert not is_below(folder, folder / "a" / "b")


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "a").symlink_to("real")
    make_folders_between(tmp_path, tmp_path / "a" / "b" / "c.png")
    assert (tmp_path / "real" / "b").is_dir()


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    folder = tmp_path / "out"
    folder.symlink_to("real")
    make_folders_between(folder, folder / "a" / "c.png")
    assert (tmp_path / "real" / "a").is_dir()


@pytest.mark.parametrize("path", ["file/c.png", "file/b/c.png"])
def test_a_file_in_the_place_of_a_folder_is_an_error_for_good(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SinkError, match="file is not a folder") as raised:
        make_folders_between(tmp_path, tmp_path / path)
    assert not isinstance(raised.value, SinkUnavailable)


def test_a_folder_that_is_gone_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable):
        make_folders_between(tmp_path / "gone", tmp_path / "gone" / "a" / "c.png")
