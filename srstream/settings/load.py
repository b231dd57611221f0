"""File, then environment, then `--set`, into `Settings`; all complaints at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from srstream.errors import ConfigError
from srstream.settings import overrides as over
from srstream.settings.conflicts import find_conflicts
from srstream.settings.fill import fill
from srstream.settings.findings import Findings, refuse
from srstream.settings.keys import below
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
) -> Settings:
    """Read a configuration file.

    Args:
        path: A TOML file; relative paths in it are relative to its folder.
        overrides: Each `KEY=VALUE`, from `--set`; they win over the environment.
        environ: Variables such as `SRSTREAM_STREAMS__DEMO__SCALE` win over the file.

    Raises:
        ConfigError: with every complaint, or because the file cannot be read.
    """
    data = _parse(path)
    findings = Findings()
    wanted = over.from_environment(environ)
    for argument in overrides:
        with findings.gathered():
            wanted.append(over.from_argument(argument))
    origins: dict[str, str] = {}
    for override in wanted:
        with findings.gathered():
            origins[over.apply(data, override)] = override.origin
    with findings.gathered():
        try:
            settings = from_tables(data, base=path.parent)
        except ConfigError as error:
            raise over.blame(error, origins) from None
    findings.settle()
    return settings


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


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8")
        return tomllib.loads(text)
    except OSError as error:
        raise refuse(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise refuse(str(path), f"not UTF-8 (at line {line})") from error
    except (ValueError, RecursionError) as error:  # some numbers are no TOMLDecodeError
        raise refuse(str(path), f"not TOML: {error}") from error
