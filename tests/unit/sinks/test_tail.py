from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from srstream.sinks.tail import cut_torn_line, first_time, last_seq

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
WHOLE = b'{"v":1,"seq":1}\n'


def holding(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (WHOLE, WHOLE),
        (WHOLE + b"{", WHOLE),
        (b'{"v"', b""),
        (b"\0" * 10, b""),
        (WHOLE * 10_000 + b"{" * 100_000, WHOLE * 10_000),
    ],
)
def test_cutting_keeps_whole_lines(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = holding(tmp_path / "stats.jsonl", before)
    assert cut_torn_line(path) == len(before) - len(after)
    assert path.read_bytes() == after


def test_there_is_nothing_to_cut_where_there_is_no_regular_file(
    tmp_path: Path,
) -> None:
    assert cut_torn_line(tmp_path / "missing") == 0
    assert cut_torn_line(Path("/dev/null")) == 0


def of(stream: str, seq: object) -> bytes:
    return f'{{"stream":"{stream}","seq":{seq}}}\n'.encode()


@pytest.mark.parametrize(
    ("content", "seq"),
    [
        (b"", 0),
        (of("demo", 7), 7),
        (of("demo", 7) + of("demo", 9), 9),
        (of("demo", 7) + b'{"stream":"demo","seq":8', 7),
        (of("demo", 7) + of("other", 9), 7),
        (of("other", 9), 0),
        (of("demo", 7) + b"not JSON\n[1]\n\xff\n\n", 7),
        (of("demo", 7) + of("demo", '"8"'), 7),
        (of("demo", 1) * 10_000 + of("demo", 7), 7),
    ],
)
def test_the_last_number_is_that_of_the_streams_last_whole_line(
    tmp_path: Path, content: bytes, seq: int
) -> None:
    assert last_seq(holding(tmp_path / "stats.jsonl", content), "demo") == seq


def test_what_is_no_regular_file_has_no_last_number(tmp_path: Path) -> None:
    assert last_seq(tmp_path / "missing", "demo") == 0
    assert last_seq(tmp_path, "demo") == 0


@pytest.mark.parametrize(
    ("content", "time"),
    [
        (b'{"time":"2026-01-02T12:00:00.000+00:00"}\n{}\n', NOON),
        (b'{"time":"2026-01-02T12:00:00"}\n', None),
        (b'{"time":"noon"}\n', None),
        (b"{}\n", None),
        (b"", None),
    ],
)
def test_the_first_time_is_that_of_the_first_line(
    tmp_path: Path, content: bytes, time: datetime | None
) -> None:
    assert first_time(holding(tmp_path / "stats.jsonl", content)) == time


def test_a_folder_has_no_first_time(tmp_path: Path) -> None:
    assert first_time(tmp_path) is None
