from __future__ import annotations

from pathlib import Path

import pytest

from srstream.errors import SourceError
from srstream.ledger import Signature
from srstream.sources.folder import Folder
from srstream.sources.matching import PICTURES, matcher


def folder_at(path: Path) -> Folder:
    return Folder(path, matcher(PICTURES))


def settled_in(folder: Folder) -> list[tuple[str, Signature]]:
    return [(name, look.signature) for name, look in folder.scan().items()]


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
