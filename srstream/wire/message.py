"""What a message turns out to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from srstream.frames import Origin, Picture

Format: TypeAlias = Literal["native", "imagezmq", "netgear"]
Order: TypeAlias = Literal["rgb", "bgr"]
"""Of the colours of raw pixels that do not say it themselves; alpha comes last."""

VERSION = 1
"""Of the native message: keys may be added under it, none renamed or given another
meaning."""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A frame as it came: its header is checked, its pixels are not yet decoded."""

    format: Format
    origin: Origin
    """`origin.sender` is one line of printable text, or empty."""
    nbytes: int
    """What it holds while it waits."""
    read: Callable[[], Picture]
    """Decode, on any thread; raw pixels stay a view of the message.

    Raises `Refused`."""
    at_once: bool = False
    """Whether `read` takes no time: it makes a view of the message."""
    stream: str = ""
    """What else srstream, or one that follows it, said: its stream."""
    seq: int | None = None
    """The number in that stream."""
    run: str = ""
    scale: int | None = None
    stats: Mapping[str, Any] | None = None
    """The line of statistics, of a frame that was enlarged."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """A line of statistics alone, as publishers send it beside each frame."""

    stream: str
    stats: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A NetGear sender says that it ends."""


Said: TypeAlias = Message | Statistics | Goodbye
