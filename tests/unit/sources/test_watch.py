from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver

from srstream.sources.watch import FolderWatch


class Heard:
    """What a watch tells, as it comes in on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def closed(self, name: str) -> None:
        self._loop.call_soon_threadsafe(self._told.put_nowait, ("closed", name))

    def moved(self, name: str) -> None:
        self._loop.call_soon_threadsafe(self._told.put_nowait, ("moved", name))

    async def next(self) -> tuple[str, str]:
        return await self._told.get()


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[FolderWatch, Heard]]:
    heard = Heard()
    watch = FolderWatch(folder, closed=heard.closed, moved=heard.moved)
    try:
        watch.ensure()
        async with asyncio.timeout(10):
            yield watch, heard
    finally:
        watch.close()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def write(path: Path) -> None:
    path.write_bytes(b"x")


def replace(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.mkdir()


def move(path: Path, target: Path) -> None:
    path.rename(target)


async def test_a_file_is_told_of_when_it_is_closed_not_before(inbox: Path) -> None:
    async with watched(inbox) as (_, heard):
        with (inbox / "a.png").open("wb") as file:
            file.write(b"x")
            file.flush()
            write(inbox / "b.png")
            assert await heard.next() == ("closed", "b.png")
        assert await heard.next() == ("closed", "a.png")


async def test_files_that_are_moved_in_and_within_are_told_of(inbox: Path) -> None:
    write(inbox.parent / "a.png")
    async with watched(inbox) as (_, heard):
        move(inbox.parent / "a.png", inbox / "b.png")
        assert await heard.next() == ("moved", "b.png")
        move(inbox / "b.png", inbox / "c.png")
        assert await heard.next() == ("moved", "b.png")
        assert await heard.next() == ("moved", "c.png")


async def test_a_folder_that_is_made_anew_is_watched_after_some_rescan(
    inbox: Path,
) -> None:
    """It may get the old one's inode; then watchdog needs a moment to see it is gone."""
    async with watched(inbox) as (watch, heard):
        replace(inbox)
        told = None
        while told is None:
            watch.ensure()
            write(inbox / "a.png")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    told = await heard.next()
        assert told == ("closed", "a.png")


async def test_a_folder_in_the_place_of_one_that_was_moved_away_is_watched(
    inbox: Path,
) -> None:
    async with watched(inbox) as (watch, heard):
        move(inbox, inbox.parent / "old")
        inbox.mkdir()  # noqa: ASYNC240 - a fact of the test
        watch.ensure()
        write(inbox / "a.png")
        assert await heard.next() == ("closed", "a.png")


async def test_of_a_link_to_a_folder_the_target_is_watched(inbox: Path) -> None:
    link = inbox.parent / "link"
    link.symlink_to(inbox)
    async with watched(link) as (_, heard):
        write(inbox / "a.png")
        assert await heard.next() == ("closed", "a.png")


def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path / "missing", closed=print, moved=print)
    with pytest.raises(FileNotFoundError):
        watch.ensure()
    watch.close()


def test_a_limit_of_the_system_is_reported_and_leaves_nothing_behind(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: BaseObserver) -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(BaseObserver, "start", refuse)
    watch = FolderWatch(inbox, closed=print, moved=print)
    with pytest.raises(OSError, match="limit reached"):
        watch.ensure()
    watch.close()
