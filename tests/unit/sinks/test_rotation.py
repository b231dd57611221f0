from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from srstream.sinks.rotation import Rotation, files_aside, set_aside

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def contents(path: Path) -> dict[str, str]:
    return {
        each.name.removeprefix(path.name): each.read_text()
        for each in path.parent.iterdir()
    }


@pytest.mark.parametrize(
    ("size", "adding", "is_due"),
    [(0, 200, False), (50, 50, False), (51, 50, True), (1, 200, True)],
)
def test_it_is_due_before_a_line_that_would_make_the_file_too_large(
    size: int, adding: int, *, is_due: bool
) -> None:
    rotation = Rotation(size=100, age=None, kept=1)
    assert rotation.is_due(size=size, adding=adding, began=None, now=NOON) == is_due


@pytest.mark.parametrize(
    ("seconds", "is_due"), [(0, False), (59, False), (60, True), (-5, False)]
)
def test_it_is_due_when_the_first_line_is_too_old(seconds: int, *, is_due: bool) -> None:
    rotation = Rotation(size=None, age=60.0, kept=1)
    now = NOON + timedelta(seconds=seconds)
    assert rotation.is_due(size=1, adding=1, began=NOON, now=now) == is_due
    assert not rotation.is_due(size=0, adding=1, began=NOON, now=now)
    assert not rotation.is_due(size=1, adding=1, began=None, now=now)


def test_files_move_up_by_one_and_the_last_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for content in "abcd":
        path.write_text(content)
        set_aside(path, 2)
    assert contents(path) == {".1": "d", ".2": "c"}


def test_a_gap_is_filled_before_a_file_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for suffix, content in {"": "e", ".1": "d", ".3": "b", ".4": "a"}.items():
        (tmp_path / f"s{suffix}").write_text(content)
    set_aside(path, 4)
    assert contents(path) == {".1": "e", ".2": "d", ".3": "b", ".4": "a"}


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("steps", range(5))
def test_killed_between_any_two_renames_no_file_is_given_up_too_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    path = tmp_path / "s"
    for suffix, content in {"": "e", ".1": "d", ".2": "c", ".3": "b", ".4": "a"}.items():
        (tmp_path / f"s{suffix}").write_text(content)
    replace, left = os.replace, steps

    def dying(*args: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        replace(*args)

    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(os, "replace", dying)
        set_aside(path, 4)
    if path.exists():
        set_aside(path, 4)
    assert set(contents(path).values()) == set("bcde")
    assert contents(path)[".1"] == "e"


def test_files_aside_are_found_as_logrotate_names_them_too(tmp_path: Path) -> None:
    names = ["s.jsonl", "s.jsonl.1", "s.jsonl-20260102", "s.jsonlx", "other", "s.json"]
    for name in names:
        (tmp_path / name).touch()
    found = {path.name for path in files_aside(tmp_path / "s.jsonl")}
    assert found == {"s.jsonl.1", "s.jsonl-20260102"}
