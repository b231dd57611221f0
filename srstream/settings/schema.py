"""The shape of a configuration that was found right: frozen, and compared by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srstream.engine.options import SessionOptions
from srstream.ranges import check_within


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """What holds for all streams together."""

    state_dir: Path = Path("state")
    """Folder of what must outlive the daemon; relative to the configuration file."""
    grace: float = 20.0
    """Seconds in which a stop must be done."""
    queue_mb: int = 256
    """MB of frames in each of the two queues of a stream; one frame always fits."""

    def __post_init__(self) -> None:
        check_within("grace", self.grace, 0.1, 3600)
        check_within("queue_mb", self.queue_mb, 1, 65_536)


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """One stream: where frames come from, what is done to them, where they go."""

    session: SessionOptions
    device: str
    """auto, cpu, cuda or cuda:N."""
    source: Any
    """The options of a row of `SOURCES`."""
    sinks: tuple[Any, ...]
    """The options of rows of `SINKS`; at least one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration."""

    daemon: DaemonSettings
    streams: Mapping[str, StreamSettings]
    """By name; at least one."""
    base: Path
    """Relative paths in the options are relative to this folder; itself absolute."""
