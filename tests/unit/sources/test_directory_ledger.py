"""What a watched folder does with what the ledger knows, and tells it."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from structlog.testing import capture_logs

from fakes import FakeLedger
from srstream.frames import Content
from srstream.ledger import Entry, Fate, Signature
from srstream.ports import Verdict
from srstream.sources import backoff
from srstream.sources.files import Look
from srstream.sources.folder import Folder
from watched import (
    age,
    finish,
    give_up,
    opened,
    others_until,
    save,
    source_on,
    sources_of,
    take,
    until,
    value_of,
)

LONG_AGO = 10**18
"""When `age` says a file was changed, in ns."""


def save_alike(path: Path, value: int, *, mtime_ns: int = LONG_AGO) -> Path:
    """Write a picture that looks like any other of these, whatever its value."""
    out = BytesIO()
    Image.new("L", (16, 16), value).save(out, "PNG")
    path.write_bytes(out.getvalue().ljust(500, b"\0"))
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


async def done_once(inbox: Path, ledger: FakeLedger, *, failing: int = 0) -> None:
    """Let a first run deal with all that is there; the first ones fail."""
    source = source_on(inbox, ledger=ledger)
    async with opened(source) as packets:
        for number, packet in enumerate(await take(packets, source.backlog)):
            if number < failing:
                await give_up(packet, ledger)
            else:
                await finish(packet, ledger)
    ledger.calls.clear()


async def test_after_a_restart_nothing_is_done_again(inbox: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        age(save(inbox / name))
    ledger = FakeLedger()
    await done_once(inbox, ledger, failing=1)
    source = source_on(inbox, ledger=ledger)
    async with opened(source) as packets:
        assert source.kept == 3
        save(inbox / "d.png")
        assert await sources_of(packets, 1) == ["d.png"]


async def test_what_was_only_taken_is_offered_again_by_its_old_name(inbox: Path) -> None:
    age(save(inbox / "a.png"))
    ledger = FakeLedger()
    ledger.took("a.png", "old-name", Signature(1, 1))
    async with opened(source_on(inbox, ledger=ledger)) as packets:
        assert (await anext(packets)).name == "old-name"


@pytest.mark.parametrize("value", [9, 1], ids=["other size", "same size"])
async def test_a_file_that_was_overwritten_between_two_runs_is_a_new_frame(
    inbox: Path, value: int
) -> None:
    save_alike(inbox / "latest.png", 1)
    ledger = FakeLedger()
    await done_once(inbox, ledger)
    if value == 9:
        age(save(inbox / "latest.png", value=9))
    else:
        save_alike(inbox / "latest.png", 2, mtime_ns=LONG_AGO + 1)
    async with opened(source_on(inbox, ledger=ledger)) as packets:
        packet = await anext(packets)
        assert packet.name == "latest"
        assert value_of(packet) == (9 if value == 9 else 2)


async def test_a_file_that_was_only_touched_is_not_done_again(inbox: Path) -> None:
    path = age(save(inbox / "a.png"))
    ledger = FakeLedger()
    await done_once(inbox, ledger)
    os.utime(path, ns=(LONG_AGO, LONG_AGO + 7))
    async with opened(source_on(inbox, ledger=ledger)) as packets:
        save(inbox / "b.png")
        assert await sources_of(packets, 1) == ["b.png"]
    assert ledger.names_of("verified") == [("verified", "a.png")]
    assert ledger.known["a.png"].signature == Signature(path.stat().st_size, LONG_AGO + 7)


async def test_what_was_touched_is_noted_in_one_go(inbox: Path) -> None:
    names = ("a.png", "b.png", "c.png")
    all_of_them = asyncio.Barrier(len(names))

    class Together(FakeLedger):
        async def verified(self, *told: Any) -> None:
            await all_of_them.wait()  # of one by one, the first would wait for ever
            await super().verified(*told)

    for name in names:
        age(save(inbox / name))
    ledger = Together()
    await done_once(inbox, ledger)
    for name in names:
        os.utime(inbox / name, ns=(LONG_AGO, LONG_AGO + 7))
    async with opened(source_on(inbox, ledger=ledger)):
        await until(lambda: len(ledger.names_of("verified")) == len(names))


async def test_a_touch_during_the_run_is_not_a_new_frame_either(inbox: Path) -> None:
    path = age(save(inbox / "a.png"))
    ledger = FakeLedger()
    async with opened(source_on(inbox, ledger=ledger)) as packets:
        await finish(await anext(packets), ledger)
        os.utime(path, ns=(LONG_AGO, LONG_AGO + 7))
        path.open("r+").close()
        await others_until(lambda: bool(ledger.names_of("verified")), inbox, packets)


@pytest.mark.parametrize("rewritten", [False, True])
async def test_what_was_read_within_the_tick_of_its_change_is_compared_at_the_next_start(
    inbox: Path, rewritten: bool
) -> None:
    save_alike(inbox / "a.png", 1)
    ledger = FakeLedger()
    await done_once(inbox, ledger)
    known = ledger.known["a.png"]
    assert known.content is not None
    ledger.known["a.png"] = replace(
        known, content=Content(known.content.digest, LONG_AGO + 5)
    )
    if rewritten:
        save_alike(inbox / "a.png", 2)
    async with opened(source_on(inbox, ledger=ledger)) as packets:
        if not rewritten:
            save(inbox / "b.png")
        packet = await anext(packets)
        assert packet.source == ("a.png" if rewritten else "b.png")
        if rewritten:
            assert value_of(packet) == 2
    assert bool(ledger.names_of("verified")) is not rewritten


async def test_a_rewrite_within_the_same_tick_is_found_when_it_can_be(
    inbox: Path,
) -> None:
    tick = time.time_ns() // 10**9 * 10**9  # a file system of seconds
    save_alike(inbox / "a.png", 1, mtime_ns=tick)
    ledger = FakeLedger()

    def later() -> int:  # so that nobody has to wait for two seconds
        return time.time_ns() + 2 * 10**9

    async with opened(source_on(inbox, ledger=ledger, wall=later)) as packets:
        assert await finish(await anext(packets), ledger) == 1
        save_alike(inbox / "a.png", 2, mtime_ns=tick)
        assert value_of(await anext(packets)) == 2


async def test_what_cannot_be_compared_now_is_compared_later(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = age(save(inbox / "a.png"))
    ledger = FakeLedger()
    await done_once(inbox, ledger)
    os.utime(path, ns=(LONG_AGO, LONG_AGO + 7))
    monkeypatch.setattr(backoff, "FIRST", 0.02)
    digest, attempts = Folder.digest, iter(range(1, 10))

    def at_the_third(folder: Folder, source: str, look: Look) -> Content | None:
        return digest(folder, source, look) if next(attempts) >= 3 else None

    monkeypatch.setattr(Folder, "digest", at_the_third)
    with capture_logs() as logs:
        async with opened(source_on(inbox, ledger=ledger)) as packets:
            await others_until(lambda: bool(ledger.names_of("verified")), inbox, packets)
    assert [log["source"] for log in logs] == ["a.png", "a.png"]
    assert "at last" in logs[1]["event"]


async def test_a_share_that_is_unmounted_at_the_start_is_not_a_deleted_folder(
    inbox: Path, no_events: None
) -> None:
    path = age(save(inbox / "a.png"))
    ledger = FakeLedger()
    await done_once(inbox, ledger)
    path.rename(inbox.parent / "a.png")
    async with opened(source_on(inbox, ledger=ledger, rescan=0.05)) as packets:
        assert ledger.calls == []
        (inbox.parent / "a.png").rename(path)
        save(inbox / "b.png")
        assert await sources_of(packets, 1) == ["b.png"]


async def test_a_name_that_another_source_had_is_not_given_again(inbox: Path) -> None:
    ledger = FakeLedger(
        known=[
            Entry(source, name, Signature(1, 1), Fate.DONE, None, 1, "", 0.0, "")
            for source, name in (("a.png", "a"), ("gone", "b"), ("gone too", "b.jpg"))
        ]
    )
    for name in ("a.jpg", "b.jpg"):
        age(save(inbox / name))
    async with opened(source_on(inbox, ledger=ledger)) as packets:
        names = [packet.name for packet in await take(packets, 2)]
    assert names == ["a.jpg", "b.jpg~2"]


async def test_a_new_ledger_adopts_what_has_its_outputs_and_an_old_one_does_not(
    inbox: Path,
) -> None:
    signature = Signature(age(save(inbox / "a.png")).stat().st_size, LONG_AGO)
    new, old = FakeLedger(is_new=True), FakeLedger()
    async with opened(source_on(inbox, ledger=new, done_before=lambda *_: True)):
        pass
    assert new.names_of("adopt") == [("adopt", (("a.png", "a", signature),))]
    source = source_on(inbox, ledger=old, done_before=lambda *_: True)
    async with opened(source) as packets:
        assert await sources_of(packets, 1) == ["a.png"]
        assert source.kept == 0
    assert not old.names_of("adopt")


async def test_all_is_adopted_at_once_as_a_ledger_is_new_only_once(inbox: Path) -> None:
    for number in range(500):
        save_alike(inbox / f"{number}.png", 0)
    ledger = FakeLedger(is_new=True)
    async with opened(source_on(inbox, ledger=ledger, done_before=lambda *_: True)):
        pass
    ((_, adopted),) = ledger.names_of("adopt")
    assert len(adopted) == 500


async def test_what_is_handed_out_and_what_is_there_is_noted(inbox: Path) -> None:
    signature = Signature(age(save(inbox / "a.png")).stat().st_size, LONG_AGO)
    ledger, ahead = FakeLedger(), 0.0
    source = source_on(
        inbox, ledger=ledger, rescan=0.05, clock=lambda: time.monotonic() + ahead
    )
    there = ("present", frozenset({"a.png"}))
    noted = ("present", frozenset({"a.png", "other.png"}))
    async with opened(source) as packets:
        assert ledger.calls == [there]
        packet = await anext(packets)
        assert ledger.calls == [there, ("took", "a.png", "a", signature)]
        await packet.done(Verdict.RETURNED)
        await anext(packets)
        ahead = 3601.0
        await others_until(lambda: ledger.calls.count(noted) == 1, inbox, packets)


async def test_a_failed_source_is_tried_again_on_demand(inbox: Path) -> None:
    age(save(inbox / "a.png", value=3))
    ledger = FakeLedger()
    async with opened(source_on(inbox, ledger=ledger, rescan=0.05)) as packets:
        await give_up(await anext(packets), ledger)
        ledger.to_retry = ["a.png"]
        assert await finish(await anext(packets), ledger) == 3
