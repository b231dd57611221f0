from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import FakeLedger, FakeProcessor, frame
from srstream.errors import SinkError
from srstream.frames import Upscaled
from srstream.ports import StreamContext
from srstream.sinks import SINKS
from srstream.sinks.stats import StatsOptions, StatsSink, cut_torn_line

WHOLE = b'{"v":1,"seq":1}\n'


def upscaled(seq: int = 1) -> Upscaled:
    processor = FakeProcessor()
    processor.begin(frame(seq=seq))
    return processor.finish()


def sink_on(path: Path) -> StatsSink:
    return StatsSink(
        StatsOptions(path.name),
        StreamContext("demo", "r1", lambda: 0.0, path.parent, FakeLedger()),
        now=lambda: datetime(2026, 1, 2, tzinfo=UTC),
    )


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def seqs_of(path: Path) -> list[int]:
    return [line["seq"] for line in lines_of(path)]


async def test_a_line_is_appended_for_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "made" / "stats.jsonl"
    sink = sink_on(path)
    await sink.open()
    for seq in (1, 2):
        await sink.write(upscaled(seq))
        assert seqs_of(path)[-1] == seq  # flushed by then
    await sink.close()
    assert lines_of(path)[0]["run"] == "r1"
    assert lines_of(path)[0]["time"] == "2026-01-02T00:00:00.000+00:00"


def test_it_is_in_the_table_and_reports(tmp_path: Path) -> None:
    context = StreamContext("demo", "run", lambda: 0.0, tmp_path, FakeLedger())
    sink = SINKS["stats"].make(StatsOptions("stats.jsonl"), context)
    assert isinstance(sink, StatsSink)
    assert sink.reports


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(ValueError, match="path"):
        StatsOptions("")


async def test_lines_of_earlier_runs_stay(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    for seq in (1, 2):
        sink = sink_on(path)
        await sink.open()
        await sink.write(upscaled(seq))
        await sink.close()
    assert seqs_of(path) == [1, 2]


@pytest.mark.parametrize("torn", [b'{"v":1,"se', b"{" + b"x" * 10_000, b"\0" * 5000])
async def test_a_line_that_a_crash_tore_is_cut(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_bytes(WHOLE + torn)
    sink = sink_on(path)
    with capture_logs() as logs:
        await sink.open()
    await sink.write(upscaled(2))
    assert [log["bytes"] for log in logs] == [len(torn)]
    assert seqs_of(path) == [1, 2]


async def test_a_line_that_failed_halfway_is_cut_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stats.jsonl"
    sink = sink_on(path)
    await sink.open()
    append = sink._append

    async def full_disk(data: bytes) -> None:
        await append(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sink, "_append", full_disk)
    with pytest.raises(SinkError, match=r"stats\.jsonl: .*No space left"):
        await sink.write(upscaled(1))
    monkeypatch.setattr(sink, "_append", append)
    await sink.write(upscaled(2))
    assert seqs_of(path) == [2]


async def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "out" / "stats.jsonl"
    sink = sink_on(path)
    await sink.open()
    await sink.write(upscaled(1))
    (tmp_path / "out").rename(tmp_path / "old")
    await sink.write(upscaled(2))
    assert seqs_of(tmp_path / "old" / "stats.jsonl") == [1]
    assert seqs_of(path) == [2]


@pytest.mark.parametrize("name", ["folder", "file/stats.jsonl"])
async def test_a_path_that_cannot_be_a_file_is_an_error_that_names_it(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SinkError, match=f"{name}: cannot be written"):
        await sink_on(tmp_path / name).open()


async def test_a_file_that_is_something_else_is_neither_cut_nor_added_to(
    tmp_path: Path,
) -> None:
    path = tmp_path / "thesis.txt"
    path.write_bytes(b"all of my work without a newline")
    sink = sink_on(path)
    with pytest.raises(SinkError, match="something else than statistics"):
        await sink.open()
    with pytest.raises(SinkError, match="something else than statistics"):
        await sink.write(upscaled())
    assert path.read_bytes() == b"all of my work without a newline"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (WHOLE, WHOLE),
        (WHOLE + b"{", WHOLE),
        (b'{"v"', b""),
        (WHOLE * 1000 + b"{", WHOLE * 1000),
    ],
)
def test_cutting_keeps_whole_lines(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_bytes(before)
    assert cut_torn_line(path) == len(before) - len(after)
    assert path.read_bytes() == after


def test_there_is_nothing_to_cut_where_there_is_no_regular_file(
    tmp_path: Path,
) -> None:
    assert cut_torn_line(tmp_path / "missing") == 0
    assert cut_torn_line(Path("/dev/null")) == 0
