from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from srstream.atomic import (
    make_folder,
    part_of,
    sweep,
    sync_file,
    write_atomically,
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_stands_with_its_content_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.png", b"new")
    assert (tmp_path / "a.png").read_bytes() == b"new"
    assert names_in(tmp_path) == ["a.png"]


def test_a_file_replaces_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    write_atomically(tmp_path / "a.png", b"new")
    assert (tmp_path / "a.png").read_bytes() == b"new"


def test_until_it_is_whole_it_has_a_hidden_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    sync = os.fsync

    def look_then_sync(handle: int) -> None:
        seen.append(names_in(tmp_path))
        sync(handle)

    monkeypatch.setattr(os, "fsync", look_then_sync)
    write_atomically(tmp_path / "a.png", b"new")
    (part,), final = seen  # the file is synced first, then the folder
    assert part.startswith(".")
    assert part.endswith(".part")
    assert final == ["a.png"]


def test_a_name_as_long_as_the_file_system_allows_can_be_written(
    tmp_path: Path,
) -> None:
    write_atomically(tmp_path / ("a" * 251 + ".png"), b"new")
    assert len(names_in(tmp_path)) == 1


def test_a_full_disk_leaves_the_old_file_and_nothing_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomically(tmp_path / "a.png", b"new")
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.png"]


def test_a_folder_in_the_place_of_the_file_is_an_error_and_stays(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"[Dd]irectory"):
        write_atomically(tmp_path / "a.png", b"new")
    assert names_in(tmp_path) == ["a.png"]


def test_a_path_below_a_file_is_an_error_that_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"[Dd]irectory"):
        write_atomically(tmp_path / "file" / "a.png", b"new")


def test_a_file_system_that_cannot_sync_folders_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_folders(handle: int) -> None:
        if not os.path.isfile(f"/proc/self/fd/{handle}"):  # noqa: PTH113
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_atomically(tmp_path / "a.png", b"new")
    assert names_in(tmp_path) == ["a.png"]


def test_sweeping_removes_unfinished_files_of_the_dead_and_only_those(
    tmp_path: Path,
) -> None:
    for name in (".a.png.part", ".1f1f1f1f-1.part", "a.part", ".part.png", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".folder.part").mkdir()
    assert sweep(tmp_path) == 1  # `.a.png.part` is another program's
    expected = [".a.png.part", ".folder.part", ".hidden", ".part.png", "a.part"]
    assert names_in(tmp_path) == expected


def test_sweeping_spares_what_this_process_is_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[int] = []
    sync = os.fsync

    def sweep_then_sync(handle: int) -> None:
        swept.append(sweep(tmp_path))
        sync(handle)

    monkeypatch.setattr(os, "fsync", sweep_then_sync)
    write_atomically(tmp_path / "a.png", b"new")
    assert swept == [0, 0]
    assert names_in(tmp_path) == ["a.png"]


def test_the_temporary_name_may_be_one_that_was_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = part_of(tmp_path / "a.png")
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(names_in(tmp_path)))
    write_atomically(tmp_path / "a.png", b"new", part=part)
    assert seen == [part.name, "a.png"]


def test_a_temporary_name_is_never_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert len({part_of(path) for _ in range(100)}) == 100


def synced_folders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    synced: list[str] = []

    def note(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))  # noqa: PTH115

    monkeypatch.setattr(os, "fsync", note)
    return synced


def test_the_names_of_new_folders_are_made_to_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = synced_folders(monkeypatch)
    make_folder(tmp_path / "a" / "b" / "c", parents=True)
    assert synced == [str(tmp_path / part) for part in ("", "a", "a/b")]
    make_folder(tmp_path / "a" / "b" / "c", parents=True)  # it is there
    assert len(synced) == 3


def test_folders_above_are_made_only_if_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_folder(tmp_path / "a" / "b")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("path", ["file", "file/below", "dangling"])
def test_something_else_in_the_place_of_a_folder_is_an_error(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        make_folder(tmp_path / path, parents=True)


def test_a_file_that_somebody_else_wrote_can_be_made_to_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"x")
    synced = synced_folders(monkeypatch)
    sync_file(tmp_path / "a")
    assert synced == [str(tmp_path / "a")]
