from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any, Literal

import pytest

from srstream.errors import ConfigError
from srstream.settings.values import fit


@pytest.mark.parametrize(
    ("value", "hint", "fitted"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (2.5, float | None, 2.5),
        (True, bool, True),
        ("a", str, "a"),
        ("a/b", Path, Path("a/b")),
        ([], tuple[int, ...], ()),
        ([1, 2], tuple[int, ...], (1, 2)),
        (["a"], tuple[str, ...] | None, ("a",)),
        (1, Literal[0, 1], 1),
        ("keep", Literal["keep", "move"], "keep"),
        ("7d", str | int, "7d"),
        (10_000, str | int, 10_000),
    ],
)
def test_a_value_of_the_right_type_fits(value: Any, hint: Any, fitted: Any) -> None:
    result = fit(value, hint, key="key")
    assert result == fitted
    assert type(result) is type(fitted)


@pytest.mark.parametrize(
    ("value", "hint", "complaint"),
    [
        ("3", int, 'key: found "3" (string); allowed: a whole number'),
        ("3", float, 'key: found "3" (string); allowed: a number'),
        (3, str, "key: found 3 (number); allowed: a string"),
        (3.0, int, "key: found 3.0 (number); allowed: a whole number"),
        (True, int, "key: found true (boolean); allowed: a whole number"),
        (True, float, "key: found true (boolean); allowed: a number"),
        (1, bool, "key: found 1 (number); allowed: true or false"),
        (True, Literal[0, 1], "key: found true (boolean); allowed: 0 or 1"),
        (2.0, Literal[2, 3], "key: found 2.0 (number); allowed: 2 or 3"),
        ("a", tuple[str, ...], 'key: found "a" (string); allowed: an array, each item'),
        ([1, "a"], tuple[int, ...], 'key[1]: found "a" (string); allowed: a whole'),
        (True, str | int, "key: found true (boolean); allowed: a string or a whole"),
        (2.0, str | int, "key: found 2.0 (number); allowed: a string or a whole num"),
        ({}, int, "key: found a table; allowed: a whole number"),
        ([1], int, "key: found an array; allowed: a whole number"),
        (
            "kep",
            Literal["keep", "move"],
            'key: found "kep" (string); did you mean keep? known: keep, move',
        ),
    ],
)
def test_nothing_is_converted(value: Any, hint: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        fit(value, hint, key="key")
    assert str(error.value).startswith(complaint)


@pytest.mark.parametrize(
    "value",
    [
        dt.date(2026, 1, 2),
        dt.time(12, 0),
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        float("nan"),
        float("inf"),
        2**63,
        pytest.param(16**5000, id="huge"),
        "a\0b",
        "caf\udce9",
        [dt.date(2026, 1, 2)],
        {"a": dt.date(2026, 1, 2)},
    ],
)
@pytest.mark.parametrize("hint", [int, float, str, Path, tuple[str, ...]])
def test_what_json_lacks_is_refused_and_never_crashes(value: Any, hint: Any) -> None:
    with pytest.raises(ConfigError) as error:
        fit(value, hint, key="key")
    assert re.match(r"key(\[0\])?: found ", str(error.value))
