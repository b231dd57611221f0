from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from srstream.errors import ConfigError
from srstream.registry import Registry
from srstream.settings.rows import choose


@dataclass(frozen=True, slots=True)
class Gas:
    heat: int = 200


@dataclass(frozen=True, slots=True)
class FanGas(Gas):
    speed: int = 1


OVENS: Registry[None, None] = Registry("oven")
OVENS.add("gas", Gas, lambda options, context: None)
OVENS.add("fan-gas", FanGas, lambda options, context: None)


def complaint(value: Any, base: Any = None) -> str:
    with pytest.raises(ConfigError) as error:
        choose(OVENS, value, key="oven", base=base)
    return str(error.value)


def test_the_type_chooses_the_row() -> None:
    chosen = choose(OVENS, {"type": "fan-gas", "speed": 2}, key="oven")
    assert chosen == FanGas(heat=200, speed=2)


def test_without_a_type_the_row_of_the_base_is_overridden() -> None:
    base = FanGas(heat=90, speed=3)
    assert choose(OVENS, {"speed": 2}, key="oven", base=base) == FanGas(90, 2)


def test_with_the_type_of_the_base_the_base_is_overridden() -> None:
    base = Gas(heat=90)
    assert choose(OVENS, {"type": "gas"}, key="oven", base=base) == Gas(90)


def test_with_another_type_that_rows_own_defaults_hold() -> None:
    base = FanGas(heat=90, speed=3)
    assert choose(OVENS, {"type": "gas"}, key="oven", base=base) == Gas(200)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, "oven.type: missing; one of these is needed: fan-gas, gas"),
        (
            {"type": "gaz"},
            'oven.type: found "gaz" (string); did you mean gas? known: fan-gas, gas',
        ),
        ({"type": 3}, "oven.type: found 3 (number); known: fan-gas, gas"),
        ({"type": ["gas"]}, "oven.type: found an array; known: fan-gas, gas"),
        ("gas", 'oven: found "gas" (string); allowed: a table'),
        (
            {"type": "gas", "speed": 3},
            "oven.speed: unknown key; known: heat, type",
        ),
    ],
)
def test_a_wrong_table_is_refused(value: Any, expected: str) -> None:
    assert complaint(value) == expected


def test_an_unknown_type_is_refused_beside_a_base_too() -> None:
    assert complaint({"type": "gaz"}, Gas()).startswith("oven.type: ")
