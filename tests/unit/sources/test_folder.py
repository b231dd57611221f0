from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from srstream.errors import SourceError
from srstream.ledger import Signature
from srstream.sources.files import Look
from srstream.sources.folder import Folder, Scan
from srstream.sources.matching import PICTURES, matcher


def folder_at(path: Path, **options: Any) -> Folder:
    return Folder(path, matcher(PICTURES), **options)


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def settled_in(folder: Folder) -> list[tuple[str, Signature]]:
    return [(name, look.signature) for name, look in folder.scan().looks.items()]


def test_a_missing_folder_is_made_with_its_parents_and_only_once(tmp_path: Path) -> None:
    folder = folder_at(tmp_path / "new" / "inbox")
    assert folder.make()
    assert not folder.make()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_an_error_with_its_remedy(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match=f"{name}: .*`path`"):
        folder_at(tmp_path / name).make()


def test_what_is_not_there_is_seen_as_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    looks = folder_at(tmp_path).look_at(["a.png", "b.png"])
    assert looks["a.png"] is not None
    assert looks["b.png"] is None


def test_the_last_look_puts_in_order_what_is_complete_and_keeps_back_the_rest(
    tmp_path: Path,
) -> None:
    folder = folder_at(tmp_path)
    for name in ("f10.png", "f9.png", "grown.png", "open.png", "gone.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "f9.5.png").mkdir()
    settled = settled_in(folder)
    (tmp_path / "grown.png").write_bytes(b"xx")
    (tmp_path / "gone.png").unlink()
    with (tmp_path / "open.png").open("r+b"):
        checked = folder.check(settled)
    assert list(checked.complete) == ["f9.5.png", "f9.png", "f10.png"]
    assert checked.unsettled.keys() == {"grown.png", "open.png"}
    assert checked.unsettled["grown.png"].signature.size == 2


def test_a_scan_sees_what_matches_and_nothing_below(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "B.JPG", "c.txt", ".d.png", ".1-2.part", "below/e.png")
    assert folder_at(tmp_path).scan().looks.keys() == {"a.png", "B.JPG"}


def test_a_recursive_scan_sees_what_is_below_and_leaves_out_what_is_not_entered(
    tmp_path: Path,
) -> None:
    fill(tmp_path, "a.png", "in/b.png", "in/deep.png/c.png", "in/c.txt", "in/.d.png")
    fill(tmp_path, ".hidden/e.png", "out/f.png")
    (tmp_path / "link").symlink_to("in")
    folder = folder_at(tmp_path, recursive=True, excluded=[tmp_path / "out"])
    found = folder.scan()
    assert found.looks.keys() == {"a.png", "in/b.png", "in/deep.png/c.png"}
    assert folder.look_at(["in/b.png"])["in/b.png"] is not None
    assert folder.check([("in/b.png", found.looks["in/b.png"].signature)]).complete
    assert folder.count_folders() == 3
    assert not found.unreadable


def test_of_a_folder_that_is_gone_there_is_none_to_watch(tmp_path: Path) -> None:
    assert folder_at(tmp_path / "missing", recursive=True).count_folders() == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_told_and_the_rest_is_scanned(
    tmp_path: Path,
) -> None:
    fill(tmp_path, "a.png", "locked/b.png", "listed/c.png")
    (tmp_path / "locked").chmod(0)
    (tmp_path / "listed").chmod(0o400)
    folder = folder_at(tmp_path, recursive=True)
    try:
        found = folder.scan()
        assert found.looks.keys() == {"a.png"}
        assert found.unreadable == {
            "locked": "Permission denied",
            "listed/c.png": "Permission denied",
        }
    finally:
        (tmp_path / "locked").chmod(0o700)
        (tmp_path / "listed").chmod(0o700)
    found = folder.scan()
    assert len(found.looks) == 3
    assert not found.unreadable


def test_links_out_of_the_folder_are_at_fault_unless_they_are_allowed(
    tmp_path: Path,
) -> None:
    fill(tmp_path, "secret.png", "inbox/below/a.png")
    (tmp_path / "inbox" / "below" / "out.png").symlink_to("../../secret.png")
    (tmp_path / "inbox" / "below" / "in.png").symlink_to("a.png")
    for allowed in (False, True):
        folder = folder_at(tmp_path / "inbox", recursive=True, links_out=allowed)
        looks = folder.scan().looks
        assert looks["below/in.png"].fault is None
        assert (looks["below/out.png"].fault is None) == allowed


def test_a_file_is_hashed_unless_it_changed(tmp_path: Path) -> None:
    fill(tmp_path, "below/a.png")
    folder = folder_at(tmp_path, recursive=True)
    ((source, look),) = folder.scan().looks.items()
    content = folder.digest(source, look)
    assert content is not None
    assert content.digest == hashlib.sha256(b"x").digest()
    (tmp_path / source).write_bytes(b"xx")
    assert folder.digest(source, look) is None


def test_what_was_not_found_is_gone_unless_it_may_be_where_nobody_can_look() -> None:
    found = Scan({"a.png": Look(Signature(1, 1), 0.0)}, {"b/c": "why", "d.png": "why"})
    for source in ("a.png", "b/c/x.png", "b/c/y/z.png", "d.png"):
        assert source in found
    for source in ("b.png", "b/x.png", "b/cc/x.png", "c"):
        assert source not in found
