"""What overrides the file: `SRSTREAM_STREAMS__DEMO__SCALE=3`, `--set KEY=VALUE`, flags."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srstream.errors import Complaint, ConfigError
from srstream.settings.findings import refuse
from srstream.settings.keys import below, split
from srstream.settings.wording import found

PREFIX = "SRSTREAM_"
LEVEL = "__"
"""Stands between the levels of a key; variables without it are not configuration."""


@dataclass(frozen=True, slots=True)
class Override:
    """One value that replaces another, or is added."""

    origin: str
    """How the operator wrote it, for messages."""
    path: tuple[str, ...]
    value: Any
    folded: bool
    """The path comes from a variable: its case, and `-` or `.` in names, are lost."""


@dataclass(frozen=True, slots=True)
class Flags:
    """Options of a command that stand for keys of a file."""

    state_dir: Path | None = None
    """Relative to the present folder, as all that is typed on a command line."""
    deterministic: bool = False
    """Of every stream."""


NO_FLAGS = Flags()


def from_argument(argument: str) -> Override:
    """Read one `--set KEY=VALUE`.

    Raises:
        ConfigError: it has another form.
    """
    key, equals, value = argument.partition("=")
    origin = f"--set {argument}"
    try:
        path = split(key)
    except ValueError:
        path = ()
    if not equals or not path:
        raise refuse(origin, "allowed: KEY=VALUE, such as streams.demo.scale=3")
    return Override(origin, path, _value(value), folded=False)


def from_environment(environ: Mapping[str, str]) -> list[Override]:
    """Return what the variables set, in the order of their names."""
    return [
        Override(name, _levels(name), _value(environ[name]), folded=True)
        for name in sorted(environ)
        if name.startswith(PREFIX) and LEVEL in name.removeprefix(PREFIX)
    ]


def from_flags(flags: Flags, data: Mapping[str, Any]) -> list[Override]:
    """Return what the flags set in every stream of the data."""
    wanted = []
    if flags.state_dir is not None:
        place = str(flags.state_dir.absolute())
        origin = f"--state-dir {flags.state_dir}"
        wanted.append(Override(origin, ("daemon", "state_dir"), place, folded=False))
    streams = data.get("streams", {})
    if flags.deterministic and isinstance(streams, Mapping):
        wanted += [
            Override(
                "--deterministic", ("streams", name, "deterministic"), True, folded=False
            )
            for name in streams
        ]
    return wanted


def apply(data: dict[str, Any], override: Override) -> str:
    """Change the data in place; return the key of what was replaced or added.

    Raises:
        ConfigError: there is no such place.
    """
    here: Any = data
    key, added = "", ""
    *levels, last = override.path
    for level in levels:
        slot = _slot(here, level, key=key, override=override)
        key = below(key, slot)
        if isinstance(here, dict) and slot not in here:
            here[slot] = {}
            added = added or key
        here = here[slot]
    slot = _slot(here, last, key=key, override=override)
    here[slot] = override.value
    return added or below(key, slot)


def blame(error: ConfigError, origins: Mapping[str, str]) -> ConfigError:
    """Return the error with what came from an override marked so, instead of a line.

    Args:
        error: Complaints about the merged configuration.
        origins: From the key of what an override replaced or added to the override.
    """
    return ConfigError(*(_blamed(each, origins) for each in error.complaints))


def _blamed(complaint: Complaint, origins: Mapping[str, str]) -> Complaint:
    at = complaint.key
    keys = [key for key in origins if f"{at}.".startswith((f"{key}.", f"{key}["))]
    if not keys:
        return complaint
    origin = origins[max(keys, key=len)]
    return Complaint(at, f"{complaint.problem} (from {origin})")


def _levels(name: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(PREFIX).lower().split(LEVEL))


def _value(text: str) -> Any:
    """Return the TOML value that the text is, or the text itself."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text  # else it held a line of its own


def _slot(here: Any, level: str, *, key: str, override: Override) -> str | int:
    """Return the name or the index by which this level stands in the data."""
    if isinstance(here, list):
        if level in map(str, range(len(here))):
            return int(level)
        size = f"found {level}; it has {len(here)} items, counted from 0"
        raise refuse(key, f"{size} (from {override.origin})")
    if not isinstance(here, dict):
        raise refuse(key, f"{found(here)}; no keys below it (from {override.origin})")
    if not override.folded or level in here:
        return level
    near = [name for name in here if _folded(name) == _folded(level)]
    if len(near) > 1:
        raise refuse(override.origin, f"could mean any of: {', '.join(near)}; use --set")
    return near[0] if near else level


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
