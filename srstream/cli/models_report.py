"""What `srstream models` says of models: tables for people, JSON for scripts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from srstream.media.printable import encodable, printable
from srstream.models.catalogue import Model
from srstream.settings.keys import flat

COLUMNS = ("set5", "set14", "validation")
"""The figures of the list; `show` has all."""


def listed(model: Model) -> dict[str, Any]:
    """Return what scripts read in the list; keys are added, never renamed."""
    return {
        "name": encodable(model.name),
        "scale": model.weights.scale,
        "net": model.weights.net,
        "parameters": model.parameters,
        "bytes": model.size,
        "figures": _strict(model.figures),
    }


def told(model: Model) -> dict[str, Any]:
    """Return all that is known of a model, for scripts."""
    return {
        **listed(model),
        "net_options": asdict(model.weights.options),
        "sha256": model.sha256,
        "about": _strict(model.weights.about),
    }


def overview(models: Sequence[Model]) -> RenderableType:
    """Return a table with a line per model and scale."""
    if not models:
        return Text("no models are shipped")
    told = {name for model in models for name in _numbers(model)}
    titles = [name for name in COLUMNS if name in told]
    table = Table(box=SIMPLE, pad_edge=False, caption="figures: PSNR in dB")
    for title in ("name", "scale"):
        table.add_column(title, no_wrap=True)
    for title in ("parameters", "size", *titles):
        table.add_column(title, justify="right", no_wrap=True)
    for model in models:
        numbers = _numbers(model)
        table.add_row(
            Text(printable(model.name)),
            f"x{model.weights.scale}",
            f"{model.parameters:,}",
            _size(model),
            *(f"{numbers[t]:.2f}" if t in numbers else "-" for t in titles),
        )
    return table


def details(model: Model) -> RenderableType:
    """Return the name of a model and below it a table of all that is known of it."""
    weights = model.weights
    options = ", ".join(f"{key} {value}" for key, value in asdict(weights.options).items())
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "network": f"{weights.net}: {options}",
        "parameters": f"{model.parameters:,}",
        "size": _size(model),
        "sha256": model.sha256,
        **{key: _shown(value) for key, value in flat(weights.about)},
    }
    for key, value in rows.items():
        table.add_row(Text(printable(key), "dim"), Text(printable(value)))
    title = Text(f"{printable(model.name)} x{weights.scale}", "bold")
    return Group(title, table, Text())


def _size(model: Model) -> str:
    return f"{model.size / 1e3:,.0f} kB"


def _numbers(model: Model) -> dict[str, float]:
    """Return the figures that fit into one cell."""
    return {
        name: value
        for name, value in model.figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _strict(value: Any) -> Any:
    """Return it without numbers that strict JSON has not: they become null."""
    if isinstance(value, Mapping):
        return {key: _strict(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
