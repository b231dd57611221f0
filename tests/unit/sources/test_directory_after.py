"""What becomes of a source's file when it was dealt with."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import FakeLedger
from srstream.ports import Verdict
from srstream.sources import after, backoff
from srstream.sources.directory import DirectorySource
from watched import (
    age,
    finish,
    give_up,
    opened,
    others_until,
    save,
    source_on,
    take,
    until,
    value_of,
)


def files_in(folder: Path) -> set[str]:
    """Return the paths of all files below, hidden ones too."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def fast(inbox: Path, ledger: FakeLedger, **options: Any) -> DirectorySource:
    return source_on(inbox, ledger=ledger, **{"rescan": 0.05, **options})


async def test_sources_that_are_done_are_moved_and_the_ledger_is_told_where(
    inbox: Path,
) -> None:
    (inbox / "deep").mkdir()
    age(save(inbox / "deep" / "a.png"))
    ledger, to = FakeLedger(), inbox / "done" / "deep" / "a.png"
    options = {"recursive": True, "after": "move:inbox/done"}
    async with opened(fast(inbox, ledger, **options)) as packets:
        await finish(await anext(packets), ledger)
        await until(lambda: bool(ledger.names_of("moved")))
        assert files_in(inbox) == {"done/deep/a.png"}  # which is not watched
        await others_until(to.exists, inbox, packets)
    assert ledger.names_of("moved") == [("moved", "deep/a.png", str(to))]


async def test_sources_that_are_done_are_deleted_and_others_stay(inbox: Path) -> None:
    for name in ("a.png", "b.png"):
        age(save(inbox / name))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger, after="delete")) as packets:
        await finish(await anext(packets), ledger)
        await give_up(await anext(packets), ledger)
        await until(lambda: files_in(inbox) == {"b.png"})


async def test_new_content_that_came_meanwhile_is_not_deleted_but_a_new_frame(
    inbox: Path,
) -> None:
    age(save(inbox / "a.png", value=1))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger, after="delete")) as packets:
        packet = await anext(packets)
        packet.read()
        save(inbox.parent / "a.png", value=2).rename(inbox / "a.png")
        await packet.done(Verdict.DONE)
        assert value_of(await anext(packets)) == 2


async def test_what_a_crash_left_behind_leaves_at_the_next_start(inbox: Path) -> None:
    for name in ("a.png", "b.png"):
        age(save(inbox / name))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger)) as packets:
        await finish(await anext(packets), ledger)
        await give_up(await anext(packets), ledger)
    async with opened(fast(inbox, ledger, after="move:done", failed="failed")):
        await until(lambda: len(ledger.names_of("moved")) == 2)
    assert files_in(inbox.parent) == {"done/a.png", "failed/b.png"}


async def test_what_was_only_adopted_is_moved_and_never_deleted(inbox: Path) -> None:
    age(save(inbox / "a.png"))
    ledger = FakeLedger(is_new=True)
    source = fast(inbox, ledger, after="delete", done_before=lambda *_: True)
    async with opened(source) as packets:
        save(inbox / "b.png")
        await finish(await anext(packets), ledger)
        await until(lambda: files_in(inbox) == {"a.png"})
    async with opened(fast(inbox, ledger, after="move:done")):
        await until(lambda: bool(ledger.names_of("moved")))


async def test_a_copy_of_what_was_moved_leaves_as_well_and_is_not_done_again(
    inbox: Path,
) -> None:
    age(save(inbox / "a.png", value=1))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger, after="move:done")) as packets:
        await finish(await anext(packets), ledger)
        await until(lambda: bool(ledger.names_of("moved")))
        save(inbox / "a.png", value=1)
        await others_until(lambda: len(ledger.names_of("moved")) == 2, inbox, packets)
    assert ledger.names_of("verified")
    assert files_in(inbox.parent) <= {"done/a.png", "inbox/other.png"}


async def test_a_name_stays_taken_when_its_source_has_left(inbox: Path) -> None:
    age(save(inbox / "a.png"))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger, after="delete")) as packets:
        await finish(await anext(packets), ledger)
        await until(lambda: not files_in(inbox))
        save(inbox / "a.jpg")
        assert (await anext(packets)).name == "a.jpg"


async def test_what_cannot_be_moved_is_said_once_tried_again_and_holds_up_nothing(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(save(inbox / "a.png"))
    ledger, move, attempts = FakeLedger(), after.move, iter(range(1, 10))

    def at_the_third(*arguments: Any) -> Path | None:
        if next(attempts) < 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return move(*arguments)

    monkeypatch.setattr(after, "move", at_the_third)
    monkeypatch.setattr(backoff, "FIRST", 0.02)
    with capture_logs() as logs:
        async with opened(fast(inbox, ledger, after="move:done")) as packets:
            await finish(await anext(packets), ledger)
            await others_until(lambda: bool(ledger.names_of("moved")), inbox, packets)
    assert [log["source"] for log in logs] == ["a.png"]
    assert "No space left" in logs[0]["reason"]
    assert "done/a.png" in files_in(inbox.parent)


async def test_what_fails_goes_to_a_folder_and_comes_back_to_be_tried_again(
    inbox: Path,
) -> None:
    age(save(inbox / "a.png", value=3))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger, failed="failed")) as packets:
        await give_up(await anext(packets), ledger)
        await until(lambda: bool(ledger.names_of("moved")))
        assert files_in(inbox.parent) == {"failed/a.png"}
        ledger.to_retry = ["a.png"]
        assert await finish(await anext(packets), ledger) == 3
    assert files_in(inbox.parent) == {"inbox/a.png"}


async def test_what_is_no_file_stays_when_it_failed(inbox: Path) -> None:
    (inbox / "a.png").mkdir()
    (inbox / "b.png").symlink_to("/etc/hostname")
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger, failed="failed")) as packets:
        for _ in range(2):
            await give_up(await anext(packets), ledger)
        (inbox / "c.png").write_text("no picture")
        await give_up(await anext(packets), ledger)
        await until(lambda: bool(ledger.names_of("moved")))
    assert files_in(inbox.parent / "failed") == {"c.png"}
    assert (inbox / "b.png").is_symlink()
    assert (inbox / "a.png").is_dir()


async def test_a_retry_of_what_is_lost_is_said_and_harms_nothing(inbox: Path) -> None:
    age(save(inbox / "a.png"))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger)) as packets:
        await give_up(await anext(packets), ledger)
    (inbox / "a.png").unlink()
    lost = str(inbox.parent / "nowhere" / "a.png")
    ledger.known["a.png"] = replace(ledger.known["a.png"], moved_to=lost)
    ledger.to_retry = ["a.png"]
    with capture_logs() as logs:
        async with opened(fast(inbox, ledger)):
            pass
    assert [log.get("moved_to") for log in logs] == [None, lost]


async def test_what_a_killed_process_moved_without_a_note_comes_back_as_well(
    inbox: Path,
) -> None:
    age(save(inbox / "a.png", value=3))
    ledger = FakeLedger()
    async with opened(fast(inbox, ledger)) as packets:
        await give_up(await anext(packets), ledger)
    (inbox.parent / "failed").mkdir()
    (inbox / "a.png").rename(inbox.parent / "failed" / "a.png")
    ledger.to_retry = ["a.png"]
    async with opened(fast(inbox, ledger, failed="failed")) as packets:
        assert await finish(await anext(packets), ledger) == 3


async def test_when_it_is_closed_the_ledger_knows_of_all_that_was_moved(
    inbox: Path,
) -> None:
    for number in range(20):
        age(save(inbox / f"{number}.png"))
    ledger, done = FakeLedger(), inbox.parent / "done"
    async with opened(fast(inbox, ledger, after="move:done")) as packets:
        for packet in await take(packets, 20):
            await finish(packet, ledger)
        await until(done.exists)
    told = {Path(str(call[2])).name for call in ledger.names_of("moved")}
    assert told == files_in(done)
