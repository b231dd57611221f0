"""A dataclass of options <-> the command line.

A field is an option: `side_px: Annotated[int, "explanation"] = 8` is `--side-px N`. Without
a default it must be given; `Literal` says what is allowed; a tuple is separated by commas,
or with `EACH` beside its explanation given a value at a time; a bool is a switch.
"""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

Options = TypeVar("Options")

Preset: TypeAlias = Literal["realtime", "balanced", "light", "paper", "paper-code"]
"""Of the engine; written out, so that `--help` need not load it."""
Fixed: TypeAlias = Literal["float32", "bfloat16"]
"""A precision that is told, not tried out."""
PRECISIONS: tuple[Fixed, ...] = get_args(Fixed)

EACH = "each"
"""Beside the explanation of a tuple: the option is given once for each of its values."""


def add_arguments(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """Add an argument for every field."""
    hints = get_type_hints(kind, include_extras=True)
    for entry in fields(kind):
        annotated, explanation, *marks = get_args(hints[entry.name])
        hint, is_list = _form(annotated)
        is_needed = entry.default is MISSING
        default = None if is_needed else entry.default
        if default not in (None, False, ()):
            explanation += f"  [{_shown(default)}]"
        name = f"--{entry.name.replace('_', '-')}"
        common: dict[str, Any] = {
            "dest": entry.name,
            "default": default,
            "help": explanation.replace("%", "%%"),
        }
        if hint is bool:
            parser.add_argument(name, action="store_true", **common)
            continue
        common |= {"required": is_needed, "metavar": _metavar(hint, is_list=is_list)}
        if EACH in marks:
            common |= {"action": _Each, "metavar": _metavar(hint, is_list=False)}
            parser.add_argument(name, type=_reader(hint), **common)
        else:
            read = _list_of(_reader(hint)) if is_list else _reader(hint)
            parser.add_argument(name, type=read, **common)


class _Each(argparse.Action):
    """Put a value behind those that were given before it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        del parser, option_string
        setattr(namespace, self.dest, (*(getattr(namespace, self.dest) or ()), values))


def options_from(given: argparse.Namespace, kind: type[Options]) -> Options:
    """Return the options that were given, or their defaults.

    Raises:
        ValueError: they do not go together, as `kind` finds when it is made.
    """
    names = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(given, name) for name in names})


def _form(hint: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there may be several."""
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True
    return hint, False


def _reader(hint: Any) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if get_origin(hint) is Literal:
            allowed = get_args(hint)
            if text not in allowed:
                problem = f"{text!r}; allowed: {', '.join(allowed)}"
                raise argparse.ArgumentTypeError(problem)
            return text
        try:
            return hint(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no {hint.__name__}") from error

    return read


def _list_of(read: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    return lambda text: tuple(read(part) for part in text.split(",") if part)


def _metavar(hint: Any, *, is_list: bool) -> str:
    if get_origin(hint) is Literal:
        name = "|".join(get_args(hint))
    else:
        name = {int: "N", float: "X", Path: "DIR"}.get(hint, "NAME")
    return f"{name},..." if is_list else name


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
