"""Say plainly what was found, what is allowed, and which known name was meant."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from srstream.media.printable import encodable

_LONGEST = 60
"""Characters of a found value that are shown."""


def found(value: object) -> str:
    """Return `found "two" (string)`."""
    match value:
        case str():
            kind = "string"
        case bool():
            kind = "boolean"
        case int() if value.bit_length() > 64:
            return "found a huge number"  # past 4300 digits Python will not print it
        case int() | float():
            kind = "number"
        case Mapping():
            return "found a table"
        case list():
            return "found an array" if value else "found an empty array"
        case _:  # TOML has nothing else
            kind = "date or time"
    return f"found {_shown(value)} ({kind})"


def unknown(name: str, known: Collection[str]) -> str:
    """Return `did you mean scale? known: device, scale`, or the listing alone."""
    listing = f"known: {', '.join(sorted(known)) or 'none'}"
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean {near[0]}? {listing}" if near else listing


def allowed(hint: Any) -> str:
    """Return what a type of an options field allows: `a whole number`, `2, 3 or 4`."""
    arguments = get_args(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return _either([str(choice) for choice in arguments])
    if origin in (Union, UnionType):
        return _either([allowed(choice) for choice in arguments if choice is not NoneType])
    if origin is tuple:
        return f"an array, each item {allowed(arguments[0])}"
    return _KINDS.get(hint, "a table")


_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a string",
}


def _either(choices: list[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    text = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."
    quoted = json.dumps(text, ensure_ascii=False)
    return encodable(quoted)
