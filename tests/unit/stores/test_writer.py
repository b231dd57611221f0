from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable

import pytest

from fakes import Gate
from ledgers import SIGNATURE, Disk, Heard, frame
from srstream.errors import StateDirError
from srstream.stores.ledger import Ledger

Statements = list[str]


def traced(ledger: Ledger) -> Statements:
    """Return the statements from now on; no work may be under way."""
    statements: Statements = []
    ledger._writer._connection.set_trace_callback(statements.append)
    return statements


async def held(ledger: Ledger, gate: Gate) -> asyncio.Task[object]:
    """Keep the thread busy until the gate opens."""
    busy = threading.Event()

    def wait(db: sqlite3.Connection) -> None:
        busy.set()
        gate.wait()

    task = asyncio.ensure_future(ledger._writer.do(wait))
    await asyncio.to_thread(busy.wait, 10)
    return task


async def together(*works: Awaitable[object]) -> list[asyncio.Future[object]]:
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.sleep(0)  # each is now in the queue
    return tasks


async def test_all_that_waits_is_committed_together(disk: Disk) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    gate = Gate()
    busy = await held(ledger, gate)
    statements = traced(ledger)
    for number in range(100):
        stream.took(f"{number}.png", str(number), SIGNATURE)
    waiting = await together(
        *(stream.done(frame(n + 1, f"{n}.png"), line=None) for n in range(100))
    )
    gate.open()
    await asyncio.gather(busy, *waiting)
    assert statements.count("COMMIT") == 2  # of what kept it busy, and of all the rest
    assert stream.last_seq == 100


async def test_what_nobody_waits_for_is_written_all_the_same(disk: Disk) -> None:
    ledger = disk.open()
    committed = Gate()
    ledger._writer._connection.set_trace_callback(
        lambda statement: committed.open() if statement == "COMMIT" else None
    )
    ledger.stream("demo").took("a.png", "a", SIGNATURE)
    await committed.passed()


async def test_calls_take_effect_in_their_order(disk: Disk) -> None:
    stream = disk.stream()
    stream.took("a.png", "a", SIGNATURE)
    waiting = await together(
        stream.failed("a.png", "first"), stream.entries(["a.png"]), stream.retries()
    )
    stream.took("a.png", "b", SIGNATURE)
    await asyncio.gather(*waiting)
    assert (await stream.entries(["a.png"]))["a.png"].name == "b"


async def test_a_bug_concerns_only_whoever_waits_for_it(disk: Disk, heard: Heard) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO streams VALUES ('half', 1)")
        db.execute("SELECT * FROM no_such_table")

    gate = Gate()
    busy = await held(ledger, gate)
    ledger._writer.post(half)
    before, bug, after = await together(
        stream.adopt([("a.png", "a", SIGNATURE)]),
        ledger._writer.do(half),
        stream.adopt([("b.png", "b", SIGNATURE)]),
    )
    gate.open()
    await asyncio.gather(busy, before, after)
    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        await bug
    assert set(await stream.entries(["a.png", "b.png"])) == {"a.png", "b.png"}
    streams = await ledger._writer.do(
        lambda db: db.execute("SELECT stream FROM streams").fetchall()
    )
    assert streams == [("demo",)]
    assert [event["event"] for event in heard.events] == ["something could not be noted"]


def limit_pages(ledger: Ledger, spare: int) -> None:
    """A disk that fills: SQLite itself says so, with the same error."""
    connection = ledger._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + spare}")


async def test_a_full_disk_is_waited_for(disk: Disk, heard: Heard) -> None:
    ledger, path = disk.open(), disk.path
    stream = ledger.stream("demo")
    await stream.adopt([("a.png", "a", SIGNATURE)])
    limit_pages(ledger, 0)
    many = [(f"{n}.png", "x" * 200, SIGNATURE) for n in range(500)]
    waiting = await together(stream.adopt(many), stream.entries(["a.png", "7.png"]))
    await heard.tally.reached("state folder cannot be written: waiting")
    assert not any(task.done() for task in waiting)
    assert "7.png" not in await disk.kill().entries(["7.png"])
    limit_pages(ledger, 10_000)
    _, found = await asyncio.gather(*waiting)
    assert set(found) == {"a.png", "7.png"}  # type: ignore[call-overload]
    assert [event["event"] for event in heard.events] == [
        "state folder cannot be written: waiting",
        "state folder can be written again",
    ]
    assert "full" in heard.events[0]["reason"]
    disk.path = path
    assert set(await disk.kill().entries(["7.png"])) == {"7.png"}


async def test_a_full_disk_does_not_keep_it_from_closing(disk: Disk, heard: Heard) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    limit_pages(ledger, 0)
    many = [(f"{n}.png", "x" * 200, SIGNATURE) for n in range(500)]
    (waiting,) = await together(stream.adopt(many))
    await heard.tally.reached("state folder cannot be written: waiting")
    assert not await ledger.close(within=0.1)
    with pytest.raises(StateDirError, match="could not be written"):
        await waiting


async def test_closing_writes_what_nobody_waits_for(disk: Disk) -> None:
    ledger = disk.open()
    ledger.stream("demo").took("a.png", "a", SIGNATURE)
    assert await ledger.close()
    assert ledger.close_now()
    assert set(await disk.stream().entries(["a.png"])) == {"a.png"}


async def test_a_closed_ledger_says_so(disk: Disk) -> None:
    ledger = disk.open()
    await ledger.close()
    ledger.stream("demo").took("a.png", "a", SIGNATURE)
    with pytest.raises(StateDirError, match="closed"):
        await ledger.stream("demo").entries(["a.png"])


async def test_whoever_stops_waiting_does_not_undo_it(disk: Disk) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    gate = Gate()
    busy = await held(ledger, gate)
    (waiting,) = await together(stream.adopt([("a.png", "a", SIGNATURE)]))
    waiting.cancel()
    gate.open()
    await busy
    assert set(await stream.entries(["a.png"])) == {"a.png"}


async def test_the_command_may_hold_the_file_for_a_while(disk: Disk, heard: Heard) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo")
    ledger._writer._connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(disk.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        (waiting,) = await together(stream.adopt([("a.png", "a", SIGNATURE)]))
        await heard.tally.reached("state folder cannot be written: waiting")
        other.execute("ROLLBACK")
        await waiting
    finally:
        other.close()
