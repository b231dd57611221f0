"""A table of the configuration -> an options dataclass, or every complaint about it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints

from srstream.settings.findings import Findings
from srstream.settings.keys import below
from srstream.settings.values import fit
from srstream.settings.wording import allowed, unknown


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


OptionsT = TypeVar("OptionsT", bound=_Dataclass)

_OUT_OF_RANGE = re.compile(r"(\w+) (?:is|are) (.*)", re.DOTALL)
"""How options say which field is wrong: `steps is -1; allowed: 0 to 1000000`."""


def fill(
    options: type[OptionsT],
    table: Mapping[str, Any],
    *,
    key: str,
    base: OptionsT | None = None,
    also: Collection[str] = (),
) -> OptionsT:
    """Return the options that the table sets.

    Args:
        options: A dataclass; it checks ranges itself and raises `ValueError`.
        table: Its keys are fields of the dataclass.
        key: The full key of the table.
        base: What is not in the table is taken from here, else from the defaults.
        also: Further keys that are known at this place, for messages.

    Raises:
        ConfigError: with every unknown, missing, ill-typed or out-of-range key.
    """
    findings = Findings()
    known = {field.name: field for field in fields(options) if field.init}
    hints = get_type_hints(options)
    values = {} if base is None else {name: getattr(base, name) for name in known}
    given: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            findings.add(below(key, name), f"unknown key; {unknown(name, [*known, *also])}")
            continue
        with findings.gathered():
            given[name] = fit(value, hints[name], key=below(key, name))
    required = [name for name, field in known.items() if _required(field)]
    for name in required:
        if name not in values and name not in table:
            findings.add(below(key, name), f"missing; {allowed(hints[name])} is needed")
    if any(name not in values and name not in given for name in required):
        raise findings.error()  # without them nothing can be built and held in range
    values |= {name: given[name] for name in required if name in given}
    return _in_range(options, values, given, key=key, findings=findings)


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _in_range(
    options: type[OptionsT],
    values: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    key: str,
    findings: Findings,
) -> OptionsT:
    """Build the options; while that fails, leave out what is named, so as to name all."""
    optional = {
        name: value
        for name, value in given.items()
        if name not in values or values[name] is not value
    }
    while True:
        try:
            filled = options(**{**values, **optional})
        except ValueError as error:
            name, problem = _located(error, options)
            findings.add(below(key, name) if name else key, problem)
            if name not in optional:
                raise findings.error() from error
            del optional[name]
        else:
            findings.settle()
            return filled


def _located(error: ValueError, options: type[Any]) -> tuple[str, str]:
    """Return the field, if the message begins with one, else "", and the problem."""
    problem = str(error)
    match = _OUT_OF_RANGE.fullmatch(problem)
    if match and match[1] in {field.name for field in fields(options)}:
        return match[1], f"found {match[2]}"
    return "", problem
