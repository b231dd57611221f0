"""How a network is trained, as a file under version control."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from srstream.engine.nets import NETS
from srstream.errors import ConfigError
from srstream.ranges import check_within
from srstream.settings import overrides as over
from srstream.settings.fill import fill
from srstream.settings.findings import Findings, refuse
from srstream.settings.rows import choose, row, table_at
from srstream.settings.wording import unknown

SUFFIX = ".toml"
_SCALE = re.compile(r"-x\d$")
_NET = "net"
"""The table of the network's `type` and options, beside the keys of the recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained."""

    steps: int = 60_000
    """Optimiser steps."""
    warm_up: int = 400
    """Steps over which the rates rise from 0; over all steps they fall by a cosine to 0."""
    batch: int = 16
    """Crops per step."""
    side: int = 48
    """Side of the low-resolution crops in pixels."""
    rate: float = 2e-3
    """Adam's learning rate."""
    muon_rate: float = 2e-3
    """Muon's, for the kernels between the first and the last layer; 0: Adam for all."""
    clip: float = 1.0
    """The gradient's norm at most; a longer one is scaled down."""
    ema: float = 0.998
    """The weights that are kept are a moving average: this share stays at each step."""
    shrunken: tuple[float, ...] = ()
    """Factors by which each training picture is also taken smaller."""
    aside: float = 0.08
    """Share of the pictures that is kept aside to measure on; 24 pictures at most."""
    measurements: int = 20
    """Times that the pictures kept aside are enlarged, evenly over the steps."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the convolutions in training; validation is in float32."""
    save_every: int = 1000
    """Steps after which the training is saved; in any case after two minutes."""
    seed: int = 0
    """Of everything that is drawn at random."""

    def __post_init__(self) -> None:
        check_within("steps", self.steps, 1, 100_000_000)
        check_within("warm_up", self.warm_up, 0, 1_000_000)
        check_within("batch", self.batch, 1, 4096)
        check_within("side", self.side, 8, 512)
        check_within("rate", self.rate, 1e-7, 1.0)
        check_within("muon_rate", self.muon_rate, 0.0, 1.0)
        check_within("clip", self.clip, 1e-6, 1e6)
        check_within("ema", self.ema, 0.0, 0.999999)
        check_within("aside", self.aside, 0.0, 0.5)
        check_within("measurements", self.measurements, 1, 10_000)
        check_within("save_every", self.save_every, 1, 1_000_000)
        check_within("seed", self.seed, 0, 2**63 - 1)
        for factor in self.shrunken:
            check_within("shrunken", factor, 0.1, 0.99)
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is {self.precision!r}; allowed: float32, bfloat16")


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the program."""
    names = (entry.name for entry in (files(__package__) / "recipes").iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def load_recipe(
    name: str,
    *,
    scale: int = 2,
    overrides: Sequence[str] = (),
    flags: Mapping[str, Any] = MappingProxyType({}),
    net: str | None = None,
    net_overrides: Sequence[str] = (),
) -> tuple[Recipe, Any]:
    """Read a recipe and the options of the network that it is for.

    Args:
        name: One that is shipped, with or without the scale: `realtime` or `realtime-x2`;
            or a TOML file: with a `/`, or ending in `.toml`.
        scale: Whose recipe is meant where the name is without.
        overrides: Each `KEY=VALUE`, from `--set`.
        flags: Values of options that stand for keys: `steps` for `--steps`.
        net: The network's name; if the recipe is for another one, that one's options
            are left out.
        net_overrides: Each `KEY=VALUE`, of the network's options.

    Returns:
        The recipe, and options of a row of `NETS`.

    Raises:
        ConfigError: with every complaint.
    """
    if net is not None:
        row(NETS, net, key="--net")
    data = _data(name, scale)
    table = dict(table_at(data.get(_NET, {}), key=_NET))
    if net is not None and table.get("type") != net:
        table = {"type": net}
    data[_NET] = table
    findings = Findings()
    origins: dict[str, str] = {}
    for override in _overrides(overrides, net_overrides, findings):
        with findings.gathered():
            origins[over.apply(data, override)] = override.origin
    for key, value in flags.items():
        data[key] = value
        origins[key] = f"--{key} {value}"
    try:
        with findings.gathered():
            options = choose(NETS, data.pop(_NET), key=_NET)
        with findings.gathered():
            recipe = fill(Recipe, data, key="", also=[_NET])
        findings.settle()
    except ConfigError as error:
        raise _located(over.blame(error, origins), name) from None
    return recipe, options


def _overrides(
    overrides: Iterable[str], net_overrides: Iterable[str], findings: Findings
) -> list[over.Override]:
    read: list[over.Override] = []
    for argument in overrides:
        with findings.gathered():
            read.append(over.from_argument(argument))
    for argument in net_overrides:
        with findings.gathered():
            one = over.from_argument(argument)
            origin = f"--net-set {argument}"
            read.append(replace(one, origin=origin, path=(_NET, *one.path)))
    return read


def _data(name: str, scale: int) -> dict[str, Any]:
    place: Path | Traversable
    if "/" in name or name.endswith(SUFFIX):
        place = Path(name)
    else:
        shipped = shipped_recipes()
        found = next((each for each in (name, f"{name}-x{scale}") if each in shipped), None)
        if found is None:
            raise refuse("--recipe", _no_such(name, scale, shipped))
        place = files(__package__) / "recipes" / f"{found}{SUFFIX}"
    try:
        return tomllib.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise refuse("--recipe", f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise refuse("--recipe", f"{name} is not TOML: {error}") from error


def _no_such(name: str, scale: int, shipped: list[str]) -> str:
    """Say which recipes there are: first those that are named without a scale."""
    short = dict.fromkeys(_SCALE.sub("", each) for each in shipped)
    scaled = ", ".join(each for each in shipped if each not in short)
    listing = f"{unknown(name, short)}; for one scale: {scaled}"
    return f"{name!r}, for scale {scale}: {listing}; or a file that ends in {SUFFIX}"


def _located(error: ConfigError, name: str) -> ConfigError:
    """Return the error with the recipe as the place of what no option has brought."""
    return ConfigError(
        *(
            each
            if "(from --" in each.problem or each.key.startswith("--")
            else replace(each, where=f"recipe {name}")
            for each in error.complaints
        )
    )
