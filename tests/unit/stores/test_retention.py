from __future__ import annotations

import pytest

from ledgers import CONTENT, SIGNATURE, Disk, Outbox, frame
from srstream.ledger import Fate
from srstream.quantities import Keep, keep
from srstream.stores.stream_ledger import StreamLedger

DAY = 86_400.0


async def write(disk: Disk, stream: StreamLedger, count: int) -> None:
    """One file a day: number n has n MB."""
    for number in range(1, count + 1):
        stream.wrote("/out", f"/out/{number}.png", number * 10**6)
        disk.clock.advance(DAY)


async def test_the_oldest_files_beyond_a_count_are_told(disk: Disk) -> None:
    stream = disk.stream()
    await write(disk, stream, 5)
    assert await stream.excess("/out", keep(3), 9) == [
        ("/out/1.png", 10**6),
        ("/out/2.png", 2 * 10**6),
    ]
    assert await stream.excess("/out", keep(5), 9) == []
    assert len(await stream.excess("/out", keep(1), 2)) == 2


async def test_the_oldest_files_beyond_a_size_are_told(disk: Disk) -> None:
    stream = disk.stream()
    await write(disk, stream, 5)  # 15 MB together
    sizes = [size for _, size in await stream.excess("/out", keep("10MB"), 9)]
    assert sizes == [10**6, 2 * 10**6, 3 * 10**6]
    assert await stream.excess("/out", keep("15MB"), 9) == []


@pytest.mark.parametrize("kept", [keep(3), keep("3MB")])
async def test_a_clock_that_is_set_back_does_not_make_the_newest_files_the_oldest(
    disk: Disk, kept: Keep
) -> None:
    stream = disk.stream()
    for name in ("1", "2", "3"):
        stream.wrote("/out", f"/out/{name}.png", 10**6)
    disk.clock.advance(-DAY)
    stream.wrote("/out", "/out/4.png", 10**6)
    assert await stream.excess("/out", kept, 9) == [("/out/1.png", 10**6)]


async def test_files_beyond_an_age_are_told(disk: Disk) -> None:
    stream = disk.stream()
    await write(disk, stream, 5)  # it is the sixth day: ages 5, 4, 3, 2 and 1
    names = [path for path, _ in await stream.excess("/out", Keep(seconds=3.5 * DAY), 9)]
    assert names == ["/out/1.png", "/out/2.png"]


async def test_files_that_are_deleted_are_told_no_more(disk: Disk) -> None:
    stream = disk.stream()
    await write(disk, stream, 5)
    await stream.dropped("/out", ["/out/1.png", "/out/2.png", "/out/unknown.png"])
    assert await disk.kill().excess("/out", keep(3), 9) == []
    assert [path for path, _ in await stream.excess("/out", keep(2), 9)] == ["/out/3.png"]


async def test_a_file_that_is_written_anew_is_the_newest_and_counts_once(
    disk: Disk,
) -> None:
    stream = disk.stream()
    await write(disk, stream, 3)
    stream.wrote("/out", "/out/1.png", 10**6)
    assert await stream.excess("/out", keep(2), 9) == [("/out/2.png", 2 * 10**6)]
    assert await stream.excess("/out", keep("6MB"), 9) == []


async def test_files_of_the_same_moment_go_in_the_order_of_writing(disk: Disk) -> None:
    stream = disk.stream()
    for name in ("/out/c", "/out/a", "/out/b"):
        stream.wrote("/out", name, 1)
    assert [path for path, _ in await stream.excess("/out", keep(1), 9)] == [
        "/out/c",
        "/out/a",
    ]


async def test_folders_are_counted_apart(disk: Disk) -> None:
    stream = disk.stream()
    stream.wrote("/one", "/one/a", 1)
    stream.wrote("/two", "/two/a", 1)
    assert await stream.excess("/one", keep(1), 9) == []
    assert await stream.excess("/none", keep(1), 9) == []


async def test_what_was_not_seen_for_long_is_forgotten(disk: Disk) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    await stream.adopt([(f"{n}.png", str(n), SIGNATURE) for n in range(1_200)])
    disk.clock.advance(10 * DAY)
    await stream.present(["7.png", "8.png"])
    disk.clock.advance(25 * DAY)
    await stream.present(["7.png", "8.png"])
    assert await ledger.prune(30 * DAY) == 1_198
    assert set(await stream.entries([f"{n}.png" for n in range(1_200)])) == {
        "7.png",
        "8.png",
    }
    assert await ledger.prune(30 * DAY) == 0


async def test_nothing_is_forgotten_while_a_share_is_away(disk: Disk) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    await stream.adopt([("a.png", "a", SIGNATURE)])
    disk.clock.advance(400 * DAY)
    assert await ledger.prune(30 * DAY) == 0


async def test_of_a_stream_that_is_no_longer_configured_all_is_forgotten(
    disk: Disk,
) -> None:
    await disk.open().stream("old").adopt([("a.png", "a", SIGNATURE)])
    disk.kill()
    ledger = disk.open()
    ledger.stream("new")
    disk.clock.advance(40 * DAY)
    assert await ledger.prune(30 * DAY) == 1


async def test_what_is_in_flight_is_never_forgotten(disk: Disk, outbox: Outbox) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    stream.publishing(frame(), CONTENT, outputs=2, line=None)
    await stream.intend(frame(), outbox.output())
    stream.took("b.png", "b", SIGNATURE)
    await stream.entries([])
    disk.clock.advance(100 * DAY)
    stream = disk.kill()
    ledger = disk.open()
    stream = ledger.stream("demo")
    stream.took("c.png", "c", SIGNATURE)
    await stream.entries(["c.png"])
    disk.clock.advance(100 * DAY)
    await ledger.prune(30 * DAY)
    found = await stream.entries(["a.png", "b.png", "c.png"])
    assert set(found) == {"a.png", "c.png"}  # b was taken by a run before, and never seen
    assert found["a.png"].fate is Fate.TAKEN


async def test_lines_that_nobody_fetches_do_not_stay_for_ever(disk: Disk) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    await stream.told_up_to("gone.jsonl")
    await stream.done(frame(1), line="old")
    disk.clock.advance(40 * DAY)
    await stream.done(frame(2), line="new")
    await ledger.prune(30 * DAY)
    assert [line.text for line in await stream.lines(0, 9)] == ["new"]


async def test_files_are_forgotten_with_their_folder_and_not_by_their_age(
    disk: Disk,
) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    stream.wrote("/used", "/used/a", 1)
    stream.wrote("/left", "/left/a", 1)
    disk.clock.advance(40 * DAY)
    await stream.excess("/used", keep(1), 9)
    await ledger.prune(30 * DAY)
    rows = await ledger._writer.do(
        lambda db: db.execute("SELECT folder, files FROM folders").fetchall()
    )
    assert rows == [(b"/used", 1)]
