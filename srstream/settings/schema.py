"""The shape of a configuration that was found right: frozen, and compared by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from srstream.engine.options import SessionOptions
from srstream.errors import ConfigError
from srstream.quantities import duration
from srstream.ranges import check_within

Identical: TypeAlias = Literal["process", "reuse"]


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """What holds for all streams together."""

    state_dir: Path = Path("state")
    """Folder of what must outlive the daemon; relative to the configuration file."""
    grace: float = 20.0
    """Seconds in which a stop must be done."""
    queue_mb: int = 256
    """MB of frames in each of the two queues of a stream, of all its senders together; one
    frame always fits."""
    ledger_keep: str = "90d"
    """What the ledger knows of sources that were not seen for that long is forgotten;
    empty: never."""

    def __post_init__(self) -> None:
        check_within("grace", self.grace, 0.1, 3600)
        check_within("queue_mb", self.queue_mb, 1, 65_536)
        if self.ledger_keep:
            try:
                duration(self.ledger_keep)
            except ValueError as error:
                raise ValueError(f'ledger_keep is {error}; or "" for never') from error


@dataclass(frozen=True, slots=True)
class CheckpointOptions:
    """When the state of a stream is saved, and how often; at a stop it always is."""

    frames: int = 100
    """The state is saved after so many frames."""
    seconds: float = 30.0
    """It is also saved after so many seconds, if that is sooner."""
    keep: int = 3
    """How many of the last saved states are kept."""

    def __post_init__(self) -> None:
        check_within("frames", self.frames, 1, 1_000_000)
        check_within("seconds", self.seconds, 0.1, 86_400)
        check_within("keep", self.keep, 2, 100)


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """One stream: where frames come from, what is done to them, where they go."""

    session: SessionOptions
    device: str
    """Where frames are processed: auto (a GPU if there is one), cpu, cuda or cuda:N."""
    source: Any
    """The options of a row of `SOURCES`."""
    sinks: tuple[Any, ...]
    """The options of rows of `SINKS`; at least one."""
    deterministic: bool = False
    """Fixed seed, steps, precision and one thread; the state is saved with every frame: a
    killed run's outputs equal an unkilled one's byte for byte."""
    identical: Identical = "process"
    """A file identical to the one before is enlarged again (process), or that one's
    enlargement is used again (reuse)."""
    checkpoint: CheckpointOptions = CheckpointOptions()
    """When the state is saved."""


def _as_it_is(error: ConfigError) -> ConfigError:
    return error


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration."""

    daemon: DaemonSettings
    streams: Mapping[str, StreamSettings]
    """By name; at least one."""
    base: Path
    """Relative paths in the options are relative to this folder; itself absolute."""
    locate: Callable[[ConfigError], ConfigError] = field(default=_as_it_is, compare=False)
    """Says where each key of an error stands, for what turns out to be wrong later."""
