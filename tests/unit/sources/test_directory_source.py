from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import FakeLedger
from srstream.errors import DecodeError, Postponed, SourceError, Unreadable
from srstream.frames import Picture
from srstream.ports import Source, StreamContext, Verdict
from srstream.sources import SOURCES, backoff, folder, hand
from srstream.sources.directory import DirectoryOptions, DirectorySource
from srstream.sources.folder import Folder
from srstream.sources.watch import FolderWatch
from watched import FakeLog, age, opened, save, source_on, sources_of, take, value_of


def make(folder: Path) -> None:
    folder.mkdir()


def remove(folder: Path) -> None:
    folder.rmdir()


def test_it_is_in_the_table_of_sources(inbox: Path) -> None:
    context = StreamContext("demo", time.monotonic, inbox.parent, FakeLedger())
    source: Source = SOURCES["directory"].make(DirectoryOptions("inbox"), context)
    assert isinstance(source, DirectorySource)


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": ""},
        {"pattern": ()},
        {"pattern": ("*.png", "")},
        {"settle": 0.0},
        {"settle": float("nan")},
        {"rescan": 0.0},
        {"max_pixels": 0},
        {"after": "remove"},
        {"after": "move:"},
    ],
)
def test_options_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DirectoryOptions(**{"path": "inbox", **wrong})


async def test_files_that_are_there_come_first_in_natural_order(inbox: Path) -> None:
    for name in ("f10.png", "f9.JPG", "f1.png"):
        age(save(inbox / name))
    source = source_on(inbox)
    async with opened(source) as packets:
        assert source.backlog == 3
        save(inbox / "f0.png")
        assert await sources_of(packets, 4) == ["f1.png", "f9.JPG", "f10.png", "f0.png"]
        assert source.arrived == 1
        assert source.backlog == 0


async def test_a_burst_comes_in_natural_order(inbox: Path) -> None:
    async with opened(source_on(inbox)) as packets:
        for number in (10, 9, 2, 11, 1):
            save(inbox / f"f{number}.png")
        expected = [f"f{number}.png" for number in (1, 2, 9, 10, 11)]
        assert await sources_of(packets, 5) == expected


async def test_a_packet_knows_its_name_and_when_it_became_ready(inbox: Path) -> None:
    age(save(inbox / "a.png", value=7))
    before = time.monotonic()
    async with opened(source_on(inbox)) as packets:
        packet = await anext(packets)
        assert (packet.source, packet.name) == ("a.png", "a")
        assert before <= packet.offered <= time.monotonic()
        assert value_of(packet) == 7


async def test_a_half_written_file_is_never_taken(inbox: Path) -> None:
    source = source_on(inbox)
    whole = save(inbox.parent / "whole.png", value=3).read_bytes()
    async with opened(source) as packets:
        with (inbox / "a.png").open("wb") as file:
            file.write(whole[:40])
            file.flush()
            # What comes later has settled; the half file, quiet for longer, is not out.
            for name in ("b.png", "c.png"):
                save(inbox / name)
                assert (await anext(packets)).source == name
                assert source.backlog == 0
            file.write(whole[40:])
        packet = await anext(packets)
        assert (packet.source, value_of(packet)) == ("a.png", 3)


async def test_where_writers_are_not_known_the_window_alone_decides(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "open_for_writing", lambda _: None)
    async with opened(source_on(inbox, rescan=0.05)) as packets:
        with (inbox / "a.png").open("wb") as file:
            file.write(b"held open and quiet")
            file.flush()
            assert (await anext(packets)).source == "a.png"


async def test_a_file_that_is_renamed_into_the_folder_is_taken(inbox: Path) -> None:
    ready = save(inbox.parent / "ready.png", value=1)
    part = save(inbox / ".a.part", value=2)
    async with opened(source_on(inbox, rescan=3600.0)) as packets:
        ready.rename(inbox / "from-elsewhere.png")
        assert value_of(await anext(packets)) == 1
        part.rename(inbox / "from-within.png")
        assert value_of(await anext(packets)) == 2


async def test_what_events_do_not_tell_is_found_by_the_rescan(
    inbox: Path, no_events: None
) -> None:
    async with opened(source_on(inbox, rescan=0.05)) as packets:
        save(inbox / "a.png")
        assert (await anext(packets)).source == "a.png"


async def test_without_inotify_it_warns_once_and_polls(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: FolderWatch) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(FolderWatch, "ensure", refuse)
    with capture_logs() as logs:
        async with opened(source_on(inbox, rescan=3600.0)) as packets:
            for name in ("a.png", "b.png"):
                save(inbox / name)
                assert (await anext(packets)).source == name
    assert [log["reason"] for log in logs] == ["inotify watch limit reached"]


async def test_a_finished_file_is_not_offered_again(inbox: Path, no_events: None) -> None:
    age(save(inbox / "a.png"))
    age(save(inbox / "b.png"))
    async with opened(source_on(inbox, rescan=0.05)) as packets:
        first, second = await take(packets, 2)
        await first.done(Verdict.DONE)
        await second.done(Verdict.FAILED)
        save(inbox / "c.png")
        assert await sources_of(packets, 1) == ["c.png"]


async def test_new_content_under_an_old_name_is_a_new_frame(inbox: Path) -> None:
    age(save(inbox / "a.png", value=1))
    source = source_on(inbox)
    async with opened(source) as packets:
        first = await anext(packets)
        assert value_of(first) == 1
        save(inbox / "a.png", value=2)
        await first.done(Verdict.DONE)
        second = await anext(packets)
        assert (second.name, value_of(second)) == ("a", 2)
        await second.done(Verdict.DONE)
        save(inbox / "a.png", value=3)
        assert value_of(await anext(packets)) == 3
        assert source.arrived == 2


async def test_a_file_that_changes_after_it_was_offered_comes_again(
    inbox: Path,
) -> None:
    age(save(inbox / "a.png", value=1))
    source = source_on(inbox)
    async with opened(source) as packets:
        packet = await anext(packets)
        save(inbox / "a.png", value=2)
        with pytest.raises(Postponed):
            packet.read()
        await packet.done(Verdict.RETURNED)
        assert value_of(await anext(packets)) == 2
        assert source.arrived == 0


async def test_a_file_that_changes_while_it_waits_is_offered_once(inbox: Path) -> None:
    for name in ("a.png", "b.png"):
        age(save(inbox / name, value=1))
    source = source_on(inbox)
    async with opened(source) as packets:
        first = await anext(packets)
        save(inbox / "b.png", value=2)
        save(inbox / "c.png", value=3)
        await first.done(Verdict.DONE)
        source._some_ready.clear()
        await source._some_ready.wait()
        assert [value_of(packet) for packet in await take(packets, 2)] == [2, 3]
        assert source.backlog == 0


async def test_a_returned_file_is_offered_again(inbox: Path) -> None:
    age(save(inbox / "a.png", value=1))
    async with opened(source_on(inbox)) as packets:
        await (await anext(packets)).done(Verdict.RETURNED)
        packet = await anext(packets)
        assert (packet.source, value_of(packet)) == ("a.png", 1)


async def test_a_file_that_is_gone_when_it_is_read_is_told_of_and_taken_if_it_is_back(
    inbox: Path, no_events: None
) -> None:
    age(save(inbox / "a.png", value=1))
    with capture_logs() as logs:
        async with opened(source_on(inbox, rescan=0.05)) as packets:
            packet = await anext(packets)
            (inbox / "a.png").rename(inbox.parent / "a.png")
            with pytest.raises(Postponed, match=r"a\.png.* vanished"):
                packet.read()
            await packet.done(Verdict.RETURNED)
            (inbox.parent / "a.png").rename(inbox / "a.png")
            assert value_of(await anext(packets)) == 1
    assert [log["source"] for log in logs if "is gone" in log["event"]] == ["a.png"]


async def test_what_is_not_a_file_is_offered_once_and_named(
    inbox: Path, no_events: None
) -> None:
    (inbox / "a.png").mkdir()
    os.mkfifo(inbox / "b.png")
    (inbox / "c.png").symlink_to("/etc/hostname")
    async with opened(source_on(inbox, rescan=0.05)) as packets:
        for name in ("a.png", "b.png", "c.png"):
            packet = await anext(packets)
            assert packet.source == name
            with pytest.raises(DecodeError, match=name):
                packet.read()
            await packet.done(Verdict.FAILED)
        (inbox / "a.png" / "below.png").write_bytes(b"changes the folder's time")
        save(inbox / "d.png")
        assert await sources_of(packets, 1) == ["d.png"]


async def test_unfinished_hidden_and_other_files_are_never_offered(
    inbox: Path,
) -> None:
    async with opened(source_on(inbox, rescan=0.05)) as packets:
        for name in (".1f-1.part", ".hidden.png", "stats.jsonl", "a.png.part"):
            save(inbox / name)
        save(inbox / "z.png")
        assert await sources_of(packets, 1) == ["z.png"]


async def test_sources_with_one_stem_keep_their_whole_names(inbox: Path) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        age(save(inbox / name))
    async with opened(source_on(inbox)) as packets:
        names = [packet.name for packet in await take(packets, 3)]
        assert names == ["a.jpg", "a.png", "b"]


async def test_what_was_done_before_there_was_a_ledger_is_kept_and_not_offered(
    inbox: Path,
) -> None:
    for name in ("a.png", "b.png"):
        age(save(inbox / name))
    asked: list[tuple[str, int]] = []

    def done_before(name: str, mtime_ns: int) -> bool:
        asked.append((name, mtime_ns))
        return name == "a"

    source = source_on(inbox, ledger=FakeLedger(is_new=True), done_before=done_before)
    async with opened(source) as packets:
        assert await sources_of(packets, 1) == ["b.png"]
        assert source.kept == 1
        assert asked == [("a", 10**18), ("b", 10**18)]
        save(inbox / "a.png", value=5)  # new content is not done
        packet = await anext(packets)
        assert (packet.name, value_of(packet), source.arrived) == ("a", 5, 1)
        save(inbox / "a.jpg")  # `a` is taken, although nobody wrote it in this run
        assert (await anext(packets)).name == "a.jpg"


async def test_a_missing_folder_is_made_and_said_so(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with opened(source_on(tmp_path / "inbox")) as packets:
            save(tmp_path / "inbox" / "a.png")
            assert await sources_of(packets, 1) == ["a.png"]
    assert [log["event"] for log in logs] == ["watched folder made"]


@pytest.mark.parametrize("name", ["file", "file/below"])
async def test_a_folder_that_cannot_be_is_an_error_that_names_it(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    source = source_on(tmp_path / "x", path=name)
    with pytest.raises(SourceError, match=f"{name}.*`path`"):
        async with opened(source):
            pytest.fail("it was opened")


async def test_a_folder_that_disappears_is_missed_once_and_taken_up_again(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_on(inbox, rescan=0.05)
    log = FakeLog()
    monkeypatch.setattr(source, "_log", log)
    async with opened(source) as packets:
        remove(inbox)
        assert await log.events.get() == "watched folder cannot be read"
        make(inbox)
        assert await log.events.get() == "watched folder is back"
        save(inbox / "a.png")
        assert await sources_of(packets, 1) == ["a.png"]
    assert log.events.empty()


async def test_a_wait_that_is_cancelled_loses_no_packet(inbox: Path) -> None:
    async with opened(source_on(inbox)) as packets:
        waiting = asyncio.ensure_future(anext(packets))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        save(inbox / "a.png")
        assert await sources_of(packets, 1) == ["a.png"]


async def test_a_bug_in_the_watching_reaches_who_waits(
    inbox: Path, no_events: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(source_on(inbox, rescan=0.05)) as packets:
        monkeypatch.setattr(Folder, "scan", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await anext(packets)


async def test_a_packet_may_be_given_back_after_the_source_was_closed(
    inbox: Path,
) -> None:
    age(save(inbox / "a.png"))
    async with opened(source_on(inbox)) as packets:
        packet = await anext(packets)
    await packet.done(Verdict.RETURNED)


async def test_sub_folders_are_watched_and_keep_their_place_in_names(inbox: Path) -> None:
    for below in ("one", "two", ".hidden"):
        (inbox / below).mkdir()
        age(save(inbox / below / "a.png"))
    async with opened(source_on(inbox, recursive=True)) as packets:
        named = {p.source: p.name for p in await take(packets, 2)}
        assert named == {"one/a.png": "one/a", "two/a.png": "two/a"}
        (inbox / "three" / "deep").mkdir(parents=True)
        save(inbox / "three" / "deep" / "b.png")
        assert (await anext(packets)).name == "three/deep/b"


async def test_links_that_lead_anywhere_are_followed_by_option(inbox: Path) -> None:
    age(save(inbox.parent / "elsewhere.png", value=4))
    (inbox / "a.png").symlink_to(inbox.parent / "elsewhere.png")
    async with opened(source_on(inbox, links="anywhere")) as packets:
        assert value_of(await anext(packets)) == 4


async def test_a_file_that_cannot_be_read_is_tried_again_and_holds_up_no_other(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(save(inbox / "a.png", value=1))
    age(save(inbox / "b.png", value=2))
    monkeypatch.setattr(backoff, "FIRST", 0.02)

    def refuse(*_: object, **__: object) -> Picture:
        raise Unreadable("is busy")

    with capture_logs() as logs:
        async with opened(source_on(inbox)) as packets:
            packet = await anext(packets)
            with monkeypatch.context() as patch:
                patch.setattr(hand, "read_unchanged", refuse)
                for then in (["b.png", "a.png"], ["a.png"]):
                    with pytest.raises(Unreadable):
                        packet.read()
                    await packet.done(Verdict.LATER)
                    *others, packet = await take(packets, len(then))
                    assert [p.source for p in (*others, packet)] == then
            assert value_of(packet) == 1
            await packet.done(Verdict.DONE)
    assert [(log["event"].split(";")[0], log.get("reason")) for log in logs] == [
        ("source cannot be read now", "is busy"),
        ("source could be read at last", None),
    ]


async def test_by_option_it_polls_and_asks_for_no_events(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderWatch, "ensure", lambda _: 1 / 0)
    async with opened(source_on(inbox, watch="poll", rescan=3600.0)) as packets:
        save(inbox / "a.png")
        assert await sources_of(packets, 1) == ["a.png"]
