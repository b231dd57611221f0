from __future__ import annotations

import json
from pathlib import Path

import pytest

from srstream.stores.selftests import MOST, SelfTests

CASE = {"processor": "a", "threads": 2, "net_options": {"width": 32, "rates": (1, 2)}}
RESULT = {"precision": "bfloat16", "float32_ms": 3.5}


def test_what_was_measured_is_known_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "new" / "selftest.json"
    assert SelfTests(path).recall(CASE) is None
    SelfTests(path).remember(CASE, RESULT)
    assert SelfTests(path).recall(CASE) == RESULT
    assert [each.name for each in path.parent.iterdir()] == ["selftest.json"]


@pytest.mark.parametrize(
    "other", [{"processor": "b"}, {"threads": 4}, {"net_options": {}}, {"torch": "3"}]
)
def test_on_anything_else_it_is_not_known(tmp_path: Path, other: dict[str, object]) -> None:
    tests = SelfTests(tmp_path / "selftest.json")
    tests.remember(CASE, RESULT)
    assert tests.recall({**CASE, **other}) is None


def test_the_latest_result_counts_and_others_stay(tmp_path: Path) -> None:
    tests = SelfTests(tmp_path / "selftest.json")
    other = {**CASE, "threads": 1}
    for case, precision in ((CASE, "bfloat16"), (other, "bfloat16"), (CASE, "float32")):
        tests.remember(case, {"precision": precision})
    assert tests.recall(CASE) == {"precision": "float32"}
    assert tests.recall(other) == {"precision": "bfloat16"}


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    tests = SelfTests(tmp_path / "selftest.json")
    for threads in range(MOST + 1):
        tests.remember({"threads": threads}, {"ms": threads})
    assert tests.recall({"threads": 0}) is None
    assert tests.recall({"threads": 1}) == {"ms": 1}
    assert tests.recall({"threads": MOST}) == {"ms": MOST}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b'"text"',
        b"[" * 100_000,
        b'{"format": 2, "results": []}',
        b'{"format": 1}',
        b'{"format": 1, "results": 5}',
        b'{"format": 1, "results": [5, {"case": 1, "result": 2}]}',
        b'{"format": 1, "results": [{"case": [], "result": []}]}',
        json.dumps({"format": 1, "results": [], "more": "x" * (1 << 20)}).encode(),
    ],
)
def test_a_damaged_file_holds_nothing_and_is_written_anew(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "selftest.json"
    path.write_bytes(content)
    assert SelfTests(path).recall(CASE) is None
    SelfTests(path).remember(CASE, RESULT)
    assert SelfTests(path).recall(CASE) == RESULT


def test_what_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "selftest.json").mkdir()
    tests = SelfTests(tmp_path / "selftest.json")
    assert tests.recall(CASE) is None
    with pytest.raises(OSError, match="directory"):
        tests.remember(CASE, RESULT)


def test_without_a_file_nothing_is_kept() -> None:
    tests = SelfTests(None)
    tests.remember(CASE, RESULT)
    assert tests.recall(CASE) is None
