from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal

import pytest

from srstream.settings.wording import allowed, found, unknown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("two", 'found "two" (string)'),
        ("x" * 100, f'found "{"x" * 60}..." (string)'),
        ("caf\udce9", 'found "caf\\udce9" (string)'),
        (5, "found 5 (number)"),
        (2.5, "found 2.5 (number)"),
        pytest.param(16**5000, "found a huge number", id="huge"),
        (True, "found true (boolean)"),
        ([1], "found an array"),
        ([], "found an empty array"),
        ({}, "found a table"),
        (dt.date(2026, 1, 2), "found 2026-01-02 (date or time)"),
    ],
)
def test_what_was_found_is_said_in_the_words_of_toml(value: object, words: str) -> None:
    assert found(value) == words


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "a whole number"),
        (float | None, "a number"),
        (bool, "true or false"),
        (Path, "a string"),
        (Literal[2, 3, 4], "2, 3 or 4"),
        (Literal["keep"], "keep"),
        (tuple[str, ...], "an array, each item a string"),
        (int | str, "a whole number or a string"),
    ],
)
def test_what_a_field_allows_is_said_plainly(hint: Any, words: str) -> None:
    assert allowed(hint) == words


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert unknown("SCLAE", ["seed", "scale"]) == "did you mean scale? known: scale, seed"


def test_nothing_is_offered_when_nothing_is_near() -> None:
    assert unknown("colour", ["seed", "scale"]) == "known: scale, seed"
