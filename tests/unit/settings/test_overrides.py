from __future__ import annotations

from typing import Any

import pytest

from srstream.errors import Complaint, ConfigError
from srstream.settings.overrides import apply, blame, from_argument, from_environment


def overridden(data: dict[str, Any], *arguments: str, **environ: str) -> dict[str, Any]:
    for override in [*from_environment(environ), *map(from_argument, arguments)]:
        apply(data, override)
    return data


def refused(data: dict[str, Any], *arguments: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as error:
        overridden(data, *arguments, **environ)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2.5", 2.5),
        ("true", True),
        ('"3"', "3"),
        ("cuda:1", "cuda:1"),
        ("in/box", "in/box"),
        ("", ""),
        ("a=b", "a=b"),
        ('["*.png", "*.jpg"]', ["*.png", "*.jpg"]),
        ('{ type = "l1" }', {"type": "l1"}),
        ("3\nother = 4", "3\nother = 4"),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5000, "9" * 5000),
        ("caf\udce9", "caf\udce9"),
    ],
)
def test_a_value_is_toml_or_else_a_string(text: str, value: object) -> None:
    assert overridden({}, f"a.b={text}") == {"a": {"b": value}}
    assert overridden({}, SRSTREAM_A__B=text) == {"a": {"b": value}}


def test_one_key_changes_and_its_neighbours_stay() -> None:
    data = {"streams": {"demo": {"scale": 2, "seed": 1}, "other": {"scale": 2}}}
    assert overridden(data, "streams.demo.scale=3") == {
        "streams": {"demo": {"scale": 3, "seed": 1}, "other": {"scale": 2}}
    }


@pytest.mark.parametrize("key", ["sinks.1.path", "sinks[1].path"])
def test_an_item_of_an_array_has_an_index(key: str) -> None:
    data = {"sinks": [{"path": "a"}, {"path": "b"}]}
    assert overridden(data, f"{key}=c") == {"sinks": [{"path": "a"}, {"path": "c"}]}


def test_the_argument_wins_over_the_environment() -> None:
    data = {"a": {"b": 1}}
    assert overridden(data, "a.b=3", SRSTREAM_A__B="2") == {"a": {"b": 3}}


def test_the_last_of_two_arguments_wins() -> None:
    assert overridden({}, "a.b=3", "a.b=4") == {"a": {"b": 4}}


def test_a_variable_finds_a_key_whatever_its_case() -> None:
    data = {"streams": {"Demo": {"scale": 2}}}
    environ = {"SRSTREAM_STREAMS__DEMO__SCALE": "3"}
    assert overridden(data, **environ) == {"streams": {"Demo": {"scale": 3}}}


def test_a_variable_finds_a_name_with_a_hyphen_or_a_dot() -> None:
    data = {"streams": {"front-gate": {"scale": 2}}}
    environ = {"SRSTREAM_STREAMS__FRONT_GATE__SCALE": "3"}
    assert overridden(data, **environ) == {"streams": {"front-gate": {"scale": 3}}}


def test_a_variable_takes_the_exact_name_before_a_similar_one() -> None:
    data: dict[str, Any] = {"streams": {"Demo": {}, "demo": {}}}
    environ = {"SRSTREAM_STREAMS__DEMO__SCALE": "3"}
    assert overridden(data, **environ) == {"streams": {"Demo": {}, "demo": {"scale": 3}}}


def test_a_variable_that_could_mean_two_keys_is_refused() -> None:
    data: dict[str, Any] = {"streams": {"Demo": {}, "DEMO": {}}}
    name = "SRSTREAM_STREAMS__DEMO__SCALE"
    message = refused(data, **{name: "3"})
    assert message == f"{name}: could mean any of: Demo, DEMO; use --set"


def test_other_variables_are_left_alone() -> None:
    environ = {"SRSTREAM_LOG": "debug", "HOME": "/", "OTHER__SCALE": "3"}
    assert overridden({"a": 1}, **environ) == {"a": 1}


@pytest.mark.parametrize("argument", ["streams.demo.scale", "=3", "a b=3", ".=3", ""])
def test_an_argument_of_another_form_is_refused(argument: str) -> None:
    message = refused({}, argument)
    assert message.startswith(f"--set {argument}: ")
    assert "KEY=VALUE" in message


def test_an_index_past_the_end_is_refused() -> None:
    message = refused({"sinks": [{}, {}]}, "sinks.2.path=x")
    assert message == (
        "sinks: found 2; it has 2 items, counted from 0 (from --set sinks.2.path=x)"
    )


@pytest.mark.parametrize("level", ["-1", "x", "9" * 5000, "01"])
def test_only_an_index_leads_into_an_array(level: str) -> None:
    assert refused({"sinks": [{}]}, f'sinks."{level}".path=x').startswith("sinks: ")


def test_a_key_below_a_value_is_refused() -> None:
    message = refused({"a": {"scale": 2}}, "a.scale.x=3")
    assert message == (
        "a.scale: found 2 (number); no keys below it (from --set a.scale.x=3)"
    )


def test_a_complaint_says_which_override_it_comes_from() -> None:
    keys = ["a.b.c", "a.b", "a.bc", "a.b[1]", "a"]
    error = ConfigError(*(Complaint(key, "wrong") for key in keys))
    origins = {"a.b": "--set a.b=3", "a.b.c": "SRSTREAM_A__B__C"}
    assert str(blame(error, origins)).splitlines() == [
        "a.b.c: wrong (from SRSTREAM_A__B__C)",
        "a.b: wrong (from --set a.b=3)",
        "a.bc: wrong",
        "a.b[1]: wrong (from --set a.b=3)",
        "a: wrong",
    ]
