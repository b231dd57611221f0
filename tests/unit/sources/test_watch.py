from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD

from srstream.sources.events import Events
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

    def lost(self) -> None:
        self._loop.call_soon_threadsafe(self._told.put_nowait, ("lost", ""))

    async def next(self) -> tuple[str, str]:
        return await self._told.get()


@asynccontextmanager
async def watched(folder: Path, **options: Any) -> AsyncIterator[tuple[FolderWatch, Heard]]:
    heard = Heard()
    watch = FolderWatch(
        folder, closed=heard.closed, moved=heard.moved, lost=heard.lost, **options
    )
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


async def test_after_a_limit_was_reached_watching_can_be_tried_again(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = raising(errno.ENOSPC)
    heard = Heard()
    watch = FolderWatch(inbox, closed=heard.closed, moved=heard.moved)
    with monkeypatch.context() as limit:
        limit.setattr(InotifyFD, "add_callback", refuse)
        with pytest.raises(OSError, match="No space"):
            watch.ensure()
    assert not inotify_threads()
    watch.ensure()
    write(inbox / "a.png")
    async with asyncio.timeout(10):
        assert await heard.next() == ("closed", "a.png")
    watch.close()


async def test_files_in_folders_below_are_told_by_their_path(inbox: Path) -> None:
    (inbox / "in" / "deep").mkdir(parents=True)
    async with watched(inbox, recursive=True) as (_, heard):
        write(inbox / "in" / "deep" / "a.png")
        assert await heard.next() == ("closed", "in/deep/a.png")


async def test_folders_below_are_of_no_concern_by_default(inbox: Path) -> None:
    (inbox / "below").mkdir()
    async with watched(inbox) as (_, heard):
        write(inbox / "below" / "a.png")
        write(inbox / "b.png")
        assert await heard.next() == ("closed", "b.png")


async def test_new_folders_are_watched_and_what_is_in_them_is_told(inbox: Path) -> None:
    (inbox.parent / "ready" / "deep").mkdir(parents=True)
    write(inbox.parent / "ready" / "deep" / "a.png")
    async with watched(inbox, recursive=True) as (_, heard):
        move(inbox.parent / "ready", inbox / "in")
        assert await heard.next() == ("moved", "in/deep/a.png")
        (inbox / "new").mkdir()
        while (told := await wrote_again(inbox / "new" / "b.png", heard)) is None:
            pass
        assert told[1] == "new/b.png"


async def test_a_folder_that_is_moved_is_told_of_by_its_new_path_alone(
    inbox: Path,
) -> None:
    (inbox / "old" / "deep").mkdir(parents=True)
    async with watched(inbox, recursive=True) as (_, heard):
        write(inbox / "old" / "deep" / "a.png")
        assert await heard.next() == ("closed", "old/deep/a.png")
        move(inbox / "old", inbox / "new")
        assert await heard.next() == ("moved", "new/deep/a.png")
        write(inbox / "new" / "deep" / "b.png")
        assert await heard.next() == ("closed", "new/deep/b.png")


async def test_hidden_and_excluded_folders_are_never_watched(inbox: Path) -> None:
    for name in ("in", ".hidden", "out/deep"):
        (inbox / name).mkdir(parents=True)
    async with watched(inbox, recursive=True, excluded=[inbox / "out"]) as (_, heard):
        assert watches() == 2  # the folder itself, and `in`
        (inbox / "in" / ".trash").mkdir()
        write(inbox / "out" / "a.png")
        write(inbox / ".hidden" / "b.png")
        write(inbox / "in" / "c.png")
        assert await heard.next() == ("closed", "in/c.png")
        assert watches() == 2


async def test_when_events_were_dropped_that_is_told_and_new_folders_are_found(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(inbox, recursive=True) as (watch, heard):
        with monkeypatch.context() as deaf:
            deaf.setattr(Events, "hear", lambda *_: heard.closed("unheard"))
            (inbox / "new").mkdir()
            assert await heard.next() == ("closed", "unheard")
        overflow()
        assert await heard.next() == ("lost", "")
        watch.ensure()
        write(inbox / "new" / "a.png")
        assert await heard.next() == ("closed", "new/a.png")


async def test_after_events_were_dropped_a_folder_that_was_exchanged_is_watched(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "in").mkdir()
    async with watched(inbox, recursive=True) as (watch, heard):
        with monkeypatch.context() as deaf:
            deaf.setattr(Events, "hear", lambda *_: heard.closed("unheard"))
            move(inbox / "in", inbox.parent / "old")
            (inbox / "in").mkdir()
            assert await heard.next() == ("closed", "unheard")
            assert await heard.next() == ("closed", "unheard")
        overflow()
        assert await heard.next() == ("lost", "")
        watch.ensure()
        write(inbox.parent / "old" / "b.png")
        write(inbox / "in" / "a.png")
        assert await heard.next() == ("closed", "in/a.png")


async def test_a_limit_that_is_reached_later_is_told_at_the_next_look(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(inbox, recursive=True) as (watch, heard):
        monkeypatch.setattr(InotifyFD, "add_callback", raising(errno.ENOSPC))
        (inbox / "new").mkdir()
        write(inbox / "a.png")
        assert await heard.next() == ("closed", "a.png")
        with pytest.raises(OSError, match="No space"):
            watch.ensure()
        assert not inotify_threads()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_cannot_be_watched(inbox: Path) -> None:
    inbox.chmod(0o300)
    watch = FolderWatch(inbox, closed=print, moved=print)
    try:
        with pytest.raises(PermissionError):
            watch.ensure()
    finally:
        inbox.chmod(0o700)
        watch.close()
    assert not inotify_threads()


def raising(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def inotify_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, InotifyFD)]


def watches() -> int:
    """Count those of this process, as the kernel has them."""
    told = [
        path.read_text() for path in Path("/proc/self/fdinfo").iterdir() if path.exists()
    ]
    return sum(text.count("inotify wd:") for text in told)


def overflow() -> None:
    """Tell of an overflow as watchdog would: the real one takes 16,384 events."""
    (thread,) = inotify_threads()
    thread.handle_event(InotifyEvent(-1, InotifyConstants.IN_Q_OVERFLOW, 0, b""))


async def wrote_again(path: Path, heard: Heard) -> tuple[str, str] | None:
    """Write, and say what was heard: a folder that is new may not be watched yet."""
    write(path)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            return await heard.next()
    return None
