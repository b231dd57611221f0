"""Writers like cameras and copies over a slow network: files grow piece by piece.

A pause that came out longer than the window in which a file must not change is no fault of
the daemon's that then takes it: such files are counted apart.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Way(StrEnum):
    """How a file comes to be."""

    HELD = "held open"
    """Written piece by piece, and open all the while."""
    APPENDED = "closed after each piece"
    """Opened, appended to and closed for each piece."""
    MOVED = "renamed in"
    """Written piece by piece under another name, then renamed."""
    OVERWRITTEN = "overwritten"
    """There and done, then truncated and written piece by piece with new content."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast files grow."""

    bytes_per_second: int
    pause: float
    """Seconds between two pieces; a piece is what comes in as long."""

    @property
    def piece(self) -> int:
        """Bytes."""
        return max(1, int(self.bytes_per_second * self.pause))


def write(path: Path, data: bytes, way: Way, pace: Pace) -> float:
    """Write a file; return the longest time for which it did not change, in seconds."""
    if way is Way.APPENDED:
        return _append(path, data, pace)
    if way is Way.MOVED:
        aside = path.with_name(f"{path.name}.upload")
        _hold(aside, data, pace)
        aside.rename(path)
        return 0.0
    return _hold(path, data, pace)


def pieces(data: bytes, size: int) -> list[bytes]:
    """Cut data; the last piece may be short, and there is one at least."""
    return [data[at : at + size] for at in range(0, max(1, len(data)), size)]


def _hold(path: Path, data: bytes, pace: Pace) -> float:
    watch = _Stopwatch()
    with path.open("wb", buffering=0) as file:
        for number, piece in enumerate(pieces(data, pace.piece)):
            if number:
                time.sleep(pace.pause)
            file.write(piece)
            watch.lap()
    return watch.longest


def _append(path: Path, data: bytes, pace: Pace) -> float:
    watch = _Stopwatch()
    for number, piece in enumerate(pieces(data, pace.piece)):
        if number:
            time.sleep(pace.pause)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(handle, piece)
        finally:
            os.close(handle)
        watch.lap()
    return watch.longest


class _Stopwatch:
    """The longest time between two laps."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last: float | None = None

    def lap(self) -> None:
        """Note that the file changed now."""
        now = time.monotonic()
        if self._last is not None:
            self.longest = max(self.longest, now - self._last)
        self._last = now
