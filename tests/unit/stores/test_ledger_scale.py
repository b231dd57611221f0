"""What happens at the start and per frame must not grow with the ledger."""

from __future__ import annotations

import asyncio
import sqlite3
import time

from ledgers import CONTENT, SIGNATURE, Disk, Outbox, frame
from srstream.quantities import keep
from srstream.stores.ledger import Ledger

ROWS = 100_000
SMALL = {"streams", "frames", "folders", "followers", "requests"}
"""Tables that have a row for each stream, sink, or frame in hand."""


async def filled(disk: Disk) -> Ledger:
    ledger = disk.open()
    await ledger._writer.do(
        lambda db: db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO items SELECT 'demo', CAST('d/' || i AS BLOB), "
            "CAST('d/' || i AS BLOB), i, i, zeroblob(32), 1, 'done', i, '', i, x'', i "
            "FROM n",
            (ROWS - 1,),
        )
    )
    return ledger


async def do_all(ledger: Ledger, outbox: Outbox) -> None:
    """Everything that a stream asks for."""
    stream = ledger.stream("demo")
    await stream.told_up_to("stats")
    await stream.recover()
    await stream.seq_at_least(3)
    await stream.entries([f"d/{n}" for n in range(100)])
    await stream.owners(["d/1", "new"])
    await stream.adopt([("old.png", "old", SIGNATURE)])
    await stream.present(["d/1", "d/2"])
    await stream.retries()
    for seq, source in enumerate(("a.png", "b.png", "a.png"), 1):
        stream.took(source, source[:-4], SIGNATURE)
        stream.publishing(frame(seq, source), CONTENT, outputs=1, line="{}")
        await stream.intend(frame(seq, source), outbox.output())
        if seq == 1:
            await stream.recover()
        await stream.done(frame(seq, source), line="{}")
        stream.told("stats", seq)
        stream.wrote("/out", f"/out/{seq}", 5)
    await stream.failed("b.png", "no", seq=4)
    await stream.moved("b.png", "/failed/b.png")
    await stream.verified("a.png", SIGNATURE, CONTENT)
    await stream.lines(0, 9)
    for quantity in ("1d", "1B", 1):
        await stream.excess("/out", keep(quantity), 5)
    await stream.dropped("/out", ["/out/1"])
    await ledger.prune(1e9)


async def test_nothing_is_looked_for_from_end_to_end(disk: Disk, outbox: Outbox) -> None:
    ledger = await filled(disk)
    statements: list[str] = []
    ledger._writer._connection.set_trace_callback(statements.append)
    await do_all(ledger, outbox)
    ledger._writer._connection.set_trace_callback(None)

    def plans(db: sqlite3.Connection) -> list[str]:
        return [
            f"{detail}: {statement}"
            for statement in set(statements)
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))
            for *_, detail in db.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]

    steps = await ledger._writer.do(plans)
    assert len(steps) > 100
    assert any("USING PRIMARY KEY" in step for step in steps)
    scans = [step for step in steps if step.startswith("SCAN")]
    allowed = ("SCAN CONSTANT ROW", *(f"SCAN {table}:" for table in SMALL))
    assert [step for step in scans if not step.startswith(allowed)] == []


async def test_a_large_ledger_opens_at_once(disk: Disk) -> None:
    ledger = await filled(disk)
    await ledger.close()
    started = time.perf_counter()
    stream = disk.stream()
    found = await stream.entries([f"d/{n}" for n in range(0, ROWS, ROWS // 100)])
    assert len(found) == 100
    assert time.perf_counter() - started < 1.0  # 5 ms by itself


async def test_other_streams_are_not_held_up_by_a_large_folder(disk: Disk) -> None:
    ledger = await filled(disk)
    large = ledger.stream("demo")
    lookup = asyncio.create_task(large.entries([f"d/{n}" for n in range(ROWS)]))
    await ledger.stream("other").seq_at_least(1)
    assert not lookup.done()
    assert len(await lookup) == ROWS
