from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from fakes import FakeClock, FakeLedger
from srstream.quantities import Keep
from srstream.sinks import retention
from srstream.sinks.retention import Deleted, Retention, delete


async def at_once(work: Callable[[], Deleted]) -> Deleted:
    return work()


class Folder:
    """A folder that keeps so many files."""

    def __init__(self, path: Path, files: int) -> None:
        self.path = path
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        self.retention = Retention(
            path,
            Keep(files=files),
            pattern="*",
            ledger=self.ledger,
            clock=self.clock,
            on_thread=at_once,
            log=structlog.get_logger(),
        )

    async def write(self, *names: str) -> None:
        for name in names:
            self.retention.note(self.path / name, 1)
            (self.path / name).write_bytes(b"x")
            await self.retention.tidy()

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir())


async def test_the_oldest_files_beyond_what_is_kept_are_deleted(tmp_path: Path) -> None:
    folder = Folder(tmp_path, files=2)
    await folder.write("c", "b", "a")
    folder.clock.advance(10)
    await folder.write("d")
    assert folder.names == ["a", "d"]
    assert list(folder.ledger.written) == [str(tmp_path / name) for name in "ad"]


async def test_it_is_looked_for_with_the_first_file_then_after_ten_seconds(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path, files=1)
    folder.ledger.written[str(tmp_path / "old")] = 1
    (tmp_path / "old").write_bytes(b"x")
    await folder.write("a")
    assert folder.names == ["a"]
    folder.clock.advance(9.9)
    await folder.write("b")
    assert folder.names == ["a", "b"]
    folder.clock.advance(0.1)
    await folder.write("c")
    assert folder.names == ["c"]


async def test_or_after_a_hundred_files(tmp_path: Path) -> None:
    folder = Folder(tmp_path, files=1)
    await folder.write(*map(str, range(100)))
    assert len(folder.names) == 100
    await folder.write("last")
    assert folder.names == ["last"]


async def test_if_there_is_more_it_is_gone_on_with_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    folder = Folder(tmp_path, files=1)
    for name in "abcdef":
        folder.retention.note(tmp_path / name, 1)
        (tmp_path / name).write_bytes(b"x")
    await folder.write("g")
    assert folder.names == list("cdefg")
    await folder.write("h")
    assert folder.names == list("efgh")


async def test_what_others_wrote_stays(tmp_path: Path) -> None:
    folder = Folder(tmp_path, files=1)
    (tmp_path / "theirs").write_bytes(b"x")
    await folder.write("a")
    folder.clock.advance(10)
    await folder.write("b")
    assert folder.names == ["b", "theirs"]


async def test_the_file_of_the_frame_in_hand_stays_though_nothing_is_kept(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path, files=0)
    await folder.write("a")
    assert folder.names == ["a"]


async def test_a_file_that_cannot_be_deleted_is_told_once_and_kept_in_mind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    folder = Folder(tmp_path, files=1)
    await folder.write("a")
    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        for name in "bc":
            folder.clock.advance(10)
            await folder.write(name)
    warnings = [log for log in logs if log["log_level"] == "warning"]
    assert [(log["file"], log["reason"]) for log in warnings] == [
        (str(tmp_path / "a"), "Permission denied")
    ]
    folder.clock.advance(10)
    await folder.write("d")
    assert folder.names == ["d"]


def test_a_file_that_is_no_longer_what_was_written_stays_and_is_forgotten(
    tmp_path: Path,
) -> None:
    (tmp_path / "edited").write_bytes(b"longer")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("edited")
    names = ["edited", "folder", "link", "missing", "edited/below"]
    files = [(str(tmp_path / name), 1) for name in names]
    assert delete(tmp_path, files) == Deleted(tuple(path for path, _ in files), None)
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_outside_of_the_folder_is_deleted(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "a").write_bytes(b"x")
    (folder / "link").symlink_to(outside)
    paths = [folder / "link" / "a", folder / ".." / "outside" / "a", outside / "a"]
    delete(folder, [(str(path), 1) for path in paths])
    assert (outside / "a").exists()


def test_a_name_that_is_not_utf8_is_deleted(tmp_path: Path) -> None:
    path = f"{tmp_path}/\udcff"
    Path(path).write_bytes(b"x")
    assert delete(tmp_path, [(path, 1)]).gone == (path,)
    assert list(tmp_path.iterdir()) == []


async def test_what_grows_too_old_goes_while_no_frame_comes(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"x")
    slept: list[float] = []

    class Aged(FakeLedger):
        async def excess(
            self, folder: str, keep: Keep, limit: int
        ) -> list[tuple[str, int]]:
            return list(self.written.items())

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 2:
            await asyncio.Event().wait()

    ledger = Aged()
    ledger.wrote("", str(old), 1)
    kept = Retention(
        tmp_path,
        Keep(seconds=600.0),
        pattern="*",
        ledger=ledger,
        clock=FakeClock(),
        on_thread=at_once,
        log=structlog.get_logger(),
        sleep=sleep,
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await kept.keep_tidy()
    assert slept == [60.0, 60.0, 60.0]
    assert not old.exists()


async def test_a_number_of_files_needs_no_looking_while_no_frame_comes(
    tmp_path: Path,
) -> None:
    async with asyncio.timeout(10):
        await Folder(tmp_path, files=2).retention.keep_tidy()
