from __future__ import annotations

import pytest

from srstream.settings.keys import below, split


def test_members_and_items_are_written_below_their_table() -> None:
    key = below("streams.demo", "sinks", 0, "path")
    assert key == "streams.demo.sinks[0].path"


def test_a_name_that_toml_quotes_is_quoted() -> None:
    assert below("streams", "a.b") == 'streams."a.b"'


def test_a_key_at_the_top_has_no_dot() -> None:
    assert below("", "daemon") == "daemon"


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("daemon", ("daemon",)),
        ("streams.demo.scale", ("streams", "demo", "scale")),
        ('streams."a.b".scale', ("streams", "a.b", "scale")),
        ("streams.demo.sinks.0.path", ("streams", "demo", "sinks", "0", "path")),
        ("streams.demo.sinks[10].path", ("streams", "demo", "sinks", "10", "path")),
    ],
)
def test_a_key_is_split_as_toml_splits_it(key: str, parts: tuple[str, ...]) -> None:
    assert split(key) == parts


@pytest.mark.parametrize("key", ["", ".", "a.", "a b", "[a]", "a = 1\nb", "a#", '"a'])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        split(key)
