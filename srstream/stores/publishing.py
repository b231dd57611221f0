"""What the ledger's file says about a frame while it is written, and when it is not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from srstream.frames import Content, FrameId
from srstream.ledger import Output
from srstream.media.printable import encodable
from srstream.stores.items import note_stream


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A frame that a run before was writing."""

    id: FrameId
    expected: int
    """How many outputs make it done."""
    line: str | None
    outputs: tuple[Output, ...]
    """What it was about to name, or had named."""
    earlier: tuple[Output, ...]
    """What earlier attempts at the same source had named."""


def publishing(
    db: sqlite3.Connection,
    frame: FrameId,
    content: Content | None,
    *,
    outputs: int,
    line: str | None,
) -> None:
    """Note that a frame is about to be written."""
    key = frame.stream, os.fsencode(frame.source)
    if content is not None:
        known = db.execute(
            "SELECT digest FROM items WHERE stream = ? AND source = ?", key
        ).fetchone()
        if known and known[0] not in (None, content.digest):
            # Rewritten within one tick of the clock: what stands shows the old content.
            db.execute("DELETE FROM outputs WHERE stream = ? AND source = ?", key)
        db.execute(
            "UPDATE items SET digest = ?, read_at_ns = ? WHERE stream = ? AND source = ?",
            (content.digest, content.read_at_ns, *key),
        )
    db.execute(
        "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?)",
        (*key, frame.seq, outputs, line),
    )


def intend(db: sqlite3.Connection, frame: FrameId, output: Output) -> bool:
    """Note a file before it is named; false: it stands, from a run before."""
    key = frame.stream, os.fsencode(frame.source), os.fsencode(output.path)
    stands = db.execute(
        "UPDATE outputs SET seq = ? "
        "WHERE stream = ? AND source = ? AND path = ? AND stands",
        (frame.seq, *key),
    )
    if stands.rowcount:
        return False
    db.execute(
        "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        (*key, frame.seq, os.fsencode(output.part), output.size, output.digest),
    )
    return True


def done(db: sqlite3.Connection, frame: FrameId, line: str | None, now: float) -> None:
    """Note that every output stands."""
    key = frame.stream, os.fsencode(frame.source)
    db.execute(
        "UPDATE items SET fate = 'done', seq = ?, reason = '', time = ?, seen = ? "
        "WHERE stream = ? AND source = ?",
        (frame.seq, now, now, *key),
    )
    note_stream(db, frame.stream, frame.seq)
    _clear(db, *key)
    if line is not None:
        db.execute(
            "INSERT OR REPLACE INTO lines SELECT ?, ?, ?, ? "
            "WHERE EXISTS (SELECT 1 FROM followers WHERE stream = ?)",
            (frame.stream, frame.seq, line, now, frame.stream),
        )


def failed(
    db: sqlite3.Connection,
    stream: str,
    source: bytes,
    reason: str,
    seq: int | None,
    now: float,
) -> None:
    """Note that a content is given up."""
    plain = encodable(reason)  # it may name a file
    db.execute(
        "UPDATE items SET fate = 'failed', seq = ?, reason = ?, time = ?, seen = ? "
        "WHERE stream = ? AND source = ?",
        (seq, plain, now, now, stream, source),
    )
    note_stream(db, stream, seq or 0)
    _clear(db, stream, source)


def unfinished(db: sqlite3.Connection, stream: str) -> list[Unfinished]:
    """Return the frames of a stream that were being written."""
    frames = db.execute(
        "SELECT source, seq, outputs, line FROM frames WHERE stream = ? ORDER BY seq",
        (stream,),
    ).fetchall()
    found = []
    for source, seq, expected, line in frames:
        outputs: dict[bool, list[Output]] = {True: [], False: []}
        for number, output in _outputs(db, stream, source):
            outputs[number == seq].append(output)
        frame = FrameId(stream, seq, os.fsdecode(source), name="")
        found.append(
            Unfinished(frame, expected, line, tuple(outputs[True]), tuple(outputs[False]))
        )
    return found


def redo(db: sqlite3.Connection, frame: FrameId, standing: Sequence[str]) -> bool:
    """Note that a frame is written again, but for outputs that stand.

    Returns whether it will be offered again: not if it came from no folder.
    """
    key = frame.stream, os.fsencode(frame.source)
    known = db.execute("SELECT 1 FROM items WHERE stream = ? AND source = ?", key)
    is_known = known.fetchone() is not None
    db.execute("DELETE FROM frames WHERE stream = ? AND source = ?", key)
    db.execute("UPDATE outputs SET stands = 0 WHERE stream = ? AND source = ?", key)
    if is_known:
        db.executemany(
            "UPDATE outputs SET stands = 1 WHERE stream = ? AND source = ? AND path = ?",
            ((*key, os.fsencode(path)) for path in standing),
        )
    db.execute("DELETE FROM outputs WHERE stream = ? AND source = ? AND NOT stands", key)
    return is_known


def _outputs(
    db: sqlite3.Connection, stream: str, source: bytes
) -> Iterator[tuple[int, Output]]:
    rows = db.execute(
        "SELECT seq, path, part, size, digest FROM outputs WHERE stream = ? AND source = ?",
        (stream, source),
    )
    for seq, path, part, size, digest in rows:
        yield seq, Output(os.fsdecode(path), os.fsdecode(part), size, digest)


def _clear(db: sqlite3.Connection, stream: str, source: bytes) -> None:
    for statement in (
        "DELETE FROM frames WHERE stream = ? AND source = ?",
        "DELETE FROM outputs WHERE stream = ? AND source = ?",
    ):
        db.execute(statement, (stream, source))
