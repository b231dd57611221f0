"""Settings of the adaptation as text: `rate=2e-4,steps=3`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from srstream.engine import AdaptOptions

NONE = "none"
"""What stands for an option that is left out, as in `seconds=none`."""


def adapted(adapt: AdaptOptions, texts: Iterable[str]) -> AdaptOptions:
    """Return options with some of them set.

    Args:
        adapt: what is set where the texts say nothing.
        texts: `key=value`, or several with commas between them; a later one counts. The
            values of one key are separated by colons: `milestones=250:500`.

    Raises:
        ValueError: no such option, or not such a value; says which it is.
    """
    hints = get_type_hints(type(adapt))
    given: dict[str, Any] = {}
    for text in texts:
        for part in filter(None, text.split(",")):
            key, equals, value = part.partition("=")
            if not equals or key not in hints:
                names = ", ".join(entry.name for entry in fields(adapt))
                raise ValueError(f"{part!r} is no KEY=VALUE with KEY one of {names}")
            given[key] = _value(key, value, hints[key])
    return replace(adapt, **given)


def _value(key: str, text: str, hint: Any) -> Any:
    kind = TypeAdapter[Any](hint)
    is_list = kind.json_schema().get("type") == "array"
    found = tuple(filter(None, text.split(":"))) if is_list else text
    try:
        return kind.validate_python(None if text == NONE else found)
    except ValidationError as error:
        raise ValueError(f"{key}={text}: {error.errors()[0]['msg']}") from error
