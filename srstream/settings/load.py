"""File, then environment, then `--set`, into `Settings`; all complaints at once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from srstream.errors import ConfigError
from srstream.settings import overrides as over
from srstream.settings.conflicts import find_conflicts
from srstream.settings.fill import fill
from srstream.settings.findings import Findings, refuse
from srstream.settings.keys import below
from srstream.settings.lines import Lines
from srstream.settings.rows import table_at
from srstream.settings.schema import DaemonSettings, Settings
from srstream.settings.streams import read_streams
from srstream.settings.wording import unknown

_KEYS = ("daemon", "streams")


def load(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    flags: over.Flags = over.NO_FLAGS,
) -> Settings:
    """Read a configuration file.

    Args:
        path: A TOML file; relative paths in it are relative to its folder.
        overrides: Each `KEY=VALUE`, from `--set`; they win over the environment.
        environ: Variables such as `SRSTREAM_STREAMS__DEMO__SCALE` win over the file.
        flags: They win over all.

    Raises:
        ConfigError: with every complaint, its line, or because the file cannot be read.
    """
    text = _text(path)
    data = _parse(path, text)
    findings = Findings()
    wanted = over.from_environment(environ)
    for argument in overrides:
        with findings.gathered():
            wanted.append(over.from_argument(argument))
    origins: dict[str, str] = {}
    for override in wanted:
        with findings.gathered():
            origins[over.apply(data, override)] = override.origin
    for override in over.from_flags(flags, data):
        with findings.gathered():
            origins[over.apply(data, override)] = override.origin
    lines = Lines(text)

    def locate(error: ConfigError) -> ConfigError:
        return over.blame(_located(error, path, lines), origins)

    with findings.gathered():
        try:
            settings = from_tables(data, base=path.parent)
        except ConfigError as error:
            raise locate(error) from None
    findings.settle()
    return replace(settings, locate=locate)


def from_tables(data: Mapping[str, Any], *, base: Path) -> Settings:
    """Return the settings for what `tomllib` gives, or a command made up.

    Args:
        data: Tables and arrays as `tomllib` returns them: `dict` and `list`.
        base: Relative paths are relative to this folder.

    Raises:
        ConfigError: with every complaint.
    """
    findings = Findings()
    for name in data:
        if name not in _KEYS:
            findings.add(below("", name), f"unknown key; {unknown(name, _KEYS)}")
    with findings.gathered():
        daemon = fill(
            DaemonSettings, table_at(data.get("daemon", {}), key="daemon"), key="daemon"
        )
    with findings.gathered():
        streams = read_streams(data.get("streams", {}))
    findings.settle()
    settings = Settings(daemon, MappingProxyType(streams), base.absolute())
    find_conflicts(settings)
    return settings


def _located(error: ConfigError, path: Path, lines: Lines) -> ConfigError:
    """Say where in the file each key stands, from its top to its end."""
    found = [(lines.of(complaint.key), complaint) for complaint in error.complaints]
    found.sort(key=lambda pair: pair[0] or 0)  # those that stand nowhere come first
    return ConfigError(
        *(replace(complaint, where=_place(path, line)) for line, complaint in found)
    )


def _place(path: Path, line: int | None) -> str:
    return str(path) if line is None else f"{path}:{line}"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise refuse(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise refuse(_place(path, line), "not UTF-8") from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # some numbers are no TOMLDecodeError
        raise refuse(*_told_by_toml(path, str(error))) from error


def _told_by_toml(path: Path, problem: str) -> tuple[str, str]:
    """Put the line where it stands in all complaints: with the file's name."""
    at = re.search(r"(.*) \(at line (\d+), (column \d+)\)", problem, re.DOTALL)
    if not at:
        return str(path), f"not TOML: {problem}"
    return _place(path, int(at[2])), f"not TOML: {at[1]} ({at[3]})"
