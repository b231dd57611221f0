"""A table with a `type` -> the options of that row of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srstream.registry import Entry, Registry
from srstream.settings.fill import fill
from srstream.settings.findings import refuse
from srstream.settings.keys import below
from srstream.settings.wording import found, unknown


def choose(registry: Registry[Any, Any], value: Any, *, key: str, base: Any = None) -> Any:
    """Return the options of the row of the registry that the table's `type` names.

    Args:
        registry: Sources, sinks, networks or losses.
        value: A table.
        key: Its full key.
        base: Options of one row. The table overrides them when it names the same row or
            none; when it names another row, that row's own defaults hold.

    Raises:
        ConfigError: with every complaint.
    """
    table = dict(table_at(value, key=key))
    if "type" in table:
        entry = row(registry, table.pop("type"), key=below(key, "type"))
    elif base is not None:
        entry = registry[registry.name_of(base)]
    else:
        problem = f"missing; one of these is needed: {', '.join(sorted(registry))}"
        raise refuse(below(key, "type"), problem)
    return choose_row(entry, table, key=key, base=base)


def choose_row(
    entry: Entry[Any, Any], table: Mapping[str, Any], *, key: str, base: Any = None
) -> Any:
    """Return the options of this row; `base` counts only if it is of this row."""
    same = base if type(base) is entry.options else None
    return fill(entry.options, table, key=key, base=same, also=["type"])


def row(registry: Registry[Any, Any], name: Any, *, key: str) -> Entry[Any, Any]:
    """Return the row of this name.

    Raises:
        ConfigError: there is no such row.
    """
    if not isinstance(name, str):
        raise refuse(key, f"{found(name)}; known: {', '.join(sorted(registry))}")
    if name not in registry:
        raise refuse(key, f"{found(name)}; {unknown(name, list(registry))}")
    return registry[name]


def table_at(value: Any, *, key: str) -> Mapping[str, Any]:
    """Return the value, which must be a table.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise refuse(key, f"{found(value)}; allowed: a table")
    return value
