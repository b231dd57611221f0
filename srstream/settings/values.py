"""One value of a configuration: does it fit the type of its field?"""

from __future__ import annotations

import json
import math
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from srstream.settings.findings import refuse
from srstream.settings.keys import below
from srstream.settings.wording import allowed, found, unknown


def fit(value: Any, hint: Any, *, key: str) -> Any:
    """Return the value as the field holds it: an array as a tuple.

    Nothing else is converted: no strings to numbers, no booleans to numbers.

    Raises:
        ConfigError: the value is of another type, or not among the choices.
    """
    hint = _without_none(hint)
    if get_origin(hint) is tuple and isinstance(value, list):
        item = get_args(hint)[0]
        return tuple(fit(each, item, key=below(key, i)) for i, each in enumerate(value))
    if isinstance(value, (dict, list)):
        raise refuse(key, f"{found(value)}; allowed: {allowed(hint)}")
    if reason := _unusual(value):
        raise refuse(key, f"{found(value)}; {reason}")
    try:
        # As JSON: from Python values the strict mode takes no string for a path.
        fitted = _adapter(hint).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        raise refuse(key, f"{found(value)}; {_meant(value, hint)}") from None
    if isinstance(fitted, int) and type(fitted) is not type(value):
        # Choices are compared with ==, which takes `true` for 1 and 2.0 for 2.
        raise refuse(key, f"{found(value)}; allowed: {allowed(hint)}")
    return fitted


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def _without_none(hint: Any) -> Any:
    """Return the type of a field that is set: TOML has no way to write `None`."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    return reduce(or_, (each for each in get_args(hint) if each is not NoneType))


def _meant(value: object, hint: Any) -> str:
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    if isinstance(value, str) and choices and all(isinstance(c, str) for c in choices):
        return unknown(value, choices)
    return f"allowed: {allowed(hint)}"


def _unusual(value: object) -> str | None:
    """Return why no key at all takes a single value like this, or `None`."""
    match value:
        case str():
            return _unusual_text(value)
        case int():
            fits = -(2**63) <= value < 2**63
            return None if fits else "allowed: at most 64 bits"
        case float():
            return None if math.isfinite(value) else "allowed: finite numbers"
    return "no key takes a date or a time; a string is written in quotes"


def _unusual_text(value: str) -> str | None:
    if "\0" in value:
        return "a NUL character is not allowed"
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        return "allowed: UTF-8"
    return None
