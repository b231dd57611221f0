"""How keys are written: `streams.demo.sinks[0].path`; with quotes `streams."a.b"`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_INDEX = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*')|\[(\d+)\]""")
"""A quoted name, which stays as it is, or an index."""


def below(key: str, *parts: str | int) -> str:
    """Return the key of what stands below `key` by these names and indices."""
    for part in parts:
        if isinstance(part, int):
            key = f"{key}[{part}]"
            continue
        name = part if _BARE.fullmatch(part) else json.dumps(part)
        key = f"{key}.{name}" if key else name
    return key


def flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `recipe.steps` and its value, for all keys at all depths; without quotes."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def split(key: str) -> tuple[str, ...]:
    """Split a key as TOML does; an index may be written `sinks[0]` or `sinks.0`.

    Raises:
        ValueError: this is not a key.
    """
    problem = f"{key!r} is not a key"
    if "=" in key or "\n" in key:
        raise ValueError(problem)
    dotted = _INDEX.sub(lambda match: match[1] or f".{match[2]}", key)
    try:
        here = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError as error:
        raise ValueError(problem) from error
    parts = []
    while True:
        ((part, inner),) = here.items()
        parts.append(part)
        if inner == 0:
            return tuple(parts)
        here = inner
