from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from srstream.errors import ConfigError
from srstream.settings.fill import fill


@dataclass(frozen=True, slots=True)
class Oven:
    kind: Literal["gas", "electric"]
    heat: int = 200
    minutes: float | None = None
    trays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 50 <= self.heat <= 300:
            raise ValueError(f"heat is {self.heat}; allowed: 50 to 300")
        if self.minutes is not None and self.minutes < 0:
            raise ValueError(f"minutes is {self.minutes}; allowed: 0 and more")
        if self.heat > 250 and self.minutes is not None and self.minutes > 60:
            raise ValueError("this would burn")


def complaints(table: dict[str, object], base: Oven | None = None) -> list[str]:
    with pytest.raises(ConfigError) as error:
        fill(Oven, table, key="oven", base=base, also=["type"])
    return str(error.value).splitlines()


def test_what_is_not_given_has_its_default() -> None:
    assert fill(Oven, {"kind": "gas"}, key="oven") == Oven("gas")


def test_what_is_not_given_is_as_in_the_base() -> None:
    base = Oven("gas", heat=90, trays=("top",))
    filled = fill(Oven, {"minutes": 5}, key="oven", base=base)
    assert filled == Oven("gas", heat=90, minutes=5.0, trays=("top",))


def test_the_base_is_left_as_it_was() -> None:
    base = Oven("gas", heat=90)
    fill(Oven, {"heat": 100}, key="oven", base=base)
    assert base == Oven("gas", heat=90)


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    assert complaints({"kind": "gas", "haet": 3}) == [
        "oven.haet: unknown key; did you mean heat? known: heat, kind, minutes, trays, type"
    ]


def test_a_missing_key_is_named() -> None:
    assert complaints({}) == ["oven.kind: missing; gas or electric is needed"]


def test_an_ill_typed_required_key_is_not_called_missing() -> None:
    assert complaints({"kind": 3}) == [
        "oven.kind: found 3 (number); allowed: gas or electric"
    ]


def test_a_range_is_reported_at_the_key_that_left_it() -> None:
    assert complaints({"kind": "gas", "heat": 20}) == [
        "oven.heat: found 20; allowed: 50 to 300"
    ]


def test_every_range_is_reported_and_so_is_every_other_mistake() -> None:
    table = {"kind": "gas", "heat": 20, "minutes": -1, "trays": [1], "fan": True}
    assert [line.split(": ")[0] for line in complaints(table)] == [
        "oven.trays[0]",
        "oven.fan",
        "oven.heat",
        "oven.minutes",
    ]


def test_values_that_do_not_go_together_are_reported_at_the_table() -> None:
    table = {"kind": "gas", "heat": 260, "minutes": 90}
    assert complaints(table) == ["oven: this would burn"]


def test_a_value_that_does_not_go_with_the_base_is_refused() -> None:
    base = Oven("gas", heat=260)
    assert complaints({"minutes": 90}, base) == ["oven: this would burn"]


def test_a_value_is_judged_together_with_the_others() -> None:
    """Alone it may be wrong: what goes with it is given, too."""

    @dataclass(frozen=True, slots=True)
    class Door:
        width: int
        locked: bool = False
        key: str = ""
        height: int = 200

        def __post_init__(self) -> None:
            if not 0 < self.height <= 300:
                raise ValueError(f"height is {self.height}; allowed: 1 to 300")
            if self.locked and not self.key:
                raise ValueError("key is empty; a locked door needs one")

    with pytest.raises(ConfigError) as error:
        fill(Door, {"width": 1, "locked": True, "key": "k", "height": 0}, key="door")
    assert str(error.value) == "door.height: found 0; allowed: 1 to 300"
    with pytest.raises(ConfigError) as error:
        fill(Door, {"width": 1, "locked": True, "height": 0}, key="door")
    assert str(error.value).splitlines() == [
        "door.height: found 0; allowed: 1 to 300",
        "door.key: found empty; a locked door needs one",
    ]
