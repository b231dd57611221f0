from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.sources.names import Names, natural_key


def names_of(*sources: str) -> list[str]:
    names = Names()
    for source in sources:
        names.add(source)
    return [names.claim(source) for source in sources]


def test_numbers_sort_by_value() -> None:
    names = ["x", "frame010c", "frame10", "frame1", "frame10b", "frame2"]
    ordered = ["frame1", "frame2", "frame10", "frame10b", "frame010c", "x"]
    assert sorted(names, key=natural_key) == ordered


@given(st.lists(st.text()))
def test_any_names_can_be_sorted_and_only_equal_ones_are_level(
    texts: list[str],
) -> None:
    keys = sorted(map(natural_key, texts))
    assert len(set(keys)) == len(set(texts))


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["a.jpg"], ["a"]),
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["a.jpg", "A.png"], ["a", "A"]),
        (["a.jpg", "a.jpg.png"], ["a", "a.jpg"]),
        (["a.jpg.png", "a.jpg"], ["a.jpg", "a"]),
        (["a.jpg.png", "a.jpg", "a.png"], ["a.jpg.png", "a.jpg", "a.png"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg", "a.png", "a.jpg.png"]),
        (["archive.tar.png"], ["archive.tar"]),
        (["one/a.png", "two/a.png", "b.png"], ["one/a", "two/a", "b"]),
        (["one/a.png", "one/a.jpg"], ["one/a.png", "one/a.jpg"]),
        (["one.x/a", "one.x/b.png"], ["one.x/a", "one.x/b"]),
    ],
)
def test_a_source_is_called_by_its_stem_unless_it_would_meet_another(
    sources: list[str], expected: list[str]
) -> None:
    assert names_of(*sources) == expected


def test_a_newcomer_keeps_its_whole_name_if_the_stem_was_given_away() -> None:
    names = Names()
    assert names.claim("a.jpg") == "a"
    names.keep_only([])
    assert names.claim("a.png") == "a.png"
    assert names.claim("a.jpg") == "a"


def test_a_whole_name_that_was_given_away_gets_a_number_in_the_last_resort() -> None:
    names = Names()
    assert names.claim("a.jpg.png") == "a.jpg"
    names.add("a.png")
    assert names.claim("a.jpg") == "a.jpg~2"


def test_sources_that_are_gone_and_were_never_named_do_not_count() -> None:
    names = Names()
    names.add("a.jpg")
    names.keep_only(["b.jpg"])
    assert names.claim("a.png") == "a"


def test_a_released_name_can_be_given_again() -> None:
    names = Names()
    names.claim("a.jpg")
    names.keep_only([])
    names.release("a.jpg")
    assert names.claim("a.png") == "a"


sources = st.builds(
    "{}{}".format,
    st.sampled_from(["a", "b", "a.jpg", "a.png", "a.jpg~2"]),
    st.sampled_from(["", ".jpg", ".png", ".jpg.png"]),
)


@given(st.lists(st.tuples(sources, st.sampled_from(["add", "claim", "clear"]))))
def test_no_two_sources_ever_share_a_name(steps: list[tuple[str, str]]) -> None:
    names = Names()
    given_out: dict[str, str] = {}
    for source, what in steps:
        if what == "add":
            names.add(source)
        elif what == "clear":
            names.keep_only([])
        else:
            name = names.claim(source)
            assert given_out.setdefault(source, name) == name
    assert len(set(given_out.values())) == len(given_out)


def test_flat_names_leave_folders_out_and_still_do_not_meet() -> None:
    names = Names(flat=True)
    sources = ["one/a.png", "two/a.png", "b.png"]
    for source in sources:
        names.add(source)
    assert [names.claim(source) for source in sources] == ["a.png", "a.png~2", "b"]


def test_a_name_that_was_given_is_none_of_the_wishes_of_others() -> None:
    names = Names()
    names.give("old.png", "a")
    assert names.is_given("a")
    assert "old.png" in names
    assert names.wishes("a.png", 3) == ["a.png", "a.png~2", "a.png~3"]
    assert names.claim("old.png") == "a"
