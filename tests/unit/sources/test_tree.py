from __future__ import annotations

from pathlib import Path

import pytest

from srstream.sources.tree import Tree


def below(tree: Tree) -> set[str]:
    return {listing.below for listing in tree.walk()}


def test_only_the_folder_itself_by_default(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (listing,) = Tree(tmp_path).walk()
    assert (listing.below, listing.files) == ("", ["below"])


def test_an_excluded_folder_is_no_file_either(tmp_path: Path) -> None:
    for name in ("out", "below"):
        (tmp_path / name).mkdir()
    (listing,) = Tree(tmp_path, excluded=[tmp_path / "out"]).walk()
    assert listing.files == ["below"]


def test_hidden_and_excluded_folders_are_not_entered_nor_links(tmp_path: Path) -> None:
    for name in ("in/deep", ".hidden/deep", "out/deep", "in/out"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("in")
    tree = Tree(tmp_path, recursive=True, excluded=[tmp_path / "out", Path("/elsewhere")])
    assert below(tree) == {"", "in", "in/deep", "in/out"}
    assert tree.belongs("in/deep")
    assert not any(map(tree.belongs, ["out", "out/deep", ".hidden", "in/.hidden/deep"]))


def test_an_excluded_folder_is_known_by_any_of_its_paths(tmp_path: Path) -> None:
    (tmp_path / "inbox" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to("inbox")
    excluded = [tmp_path / "inbox" / "x" / ".." / "out"]
    tree = Tree(tmp_path / "link", recursive=True, excluded=excluded)
    assert below(tree) == {""}


def test_a_folder_that_vanishes_on_the_way_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()

    def lose(path: str, _: str) -> None:
        if path.endswith("in"):
            (tmp_path / "in").rmdir()

    listings = list(Tree(tmp_path, recursive=True).walk(before=lose))
    assert [listing.below for listing in listings] == [""]


def test_without_the_folder_itself_there_is_nothing_to_walk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(Tree(tmp_path / "missing", recursive=True).walk())
