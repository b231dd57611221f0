"""TOML, environment and `--set` -> `Settings`; every complaint names its key."""

from __future__ import annotations

from srstream.settings.load import from_tables, load
from srstream.settings.overrides import Flags
from srstream.settings.schema import (
    CheckpointOptions,
    DaemonSettings,
    Settings,
    StreamSettings,
)

__all__ = [
    "CheckpointOptions",
    "DaemonSettings",
    "Flags",
    "Settings",
    "StreamSettings",
    "from_tables",
    "load",
]
