"""TOML, environment and `--set` -> `Settings`; every complaint names its key."""

from __future__ import annotations

from srstream.settings.load import from_tables, load
from srstream.settings.schema import DaemonSettings, Settings, StreamSettings

__all__ = ["DaemonSettings", "Settings", "StreamSettings", "from_tables", "load"]
