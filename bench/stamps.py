"""A number in the first pixels of a frame: whoever gets it can tell which frame it is."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_FORM = struct.Struct("<4sIQ")
_MARK = b"\x93srs"
_LARGE = 1_000_000
"""Bytes of a frame from which on it is not made anew each time: that would be measured."""
DIFFERENT = 8
"""Large frames that are made; their numbers begin anew after these."""


class Stamp(NamedTuple):
    """Which frame of which sender."""

    sender: int
    number: int


def stamp_of(pixels: bytes | memoryview) -> Stamp | None:
    """Return what is written in raw pixels; none: they are not from a bench."""
    if len(pixels) < _FORM.size:
        return None
    mark, sender, number = _FORM.unpack_from(pixels)
    return Stamp(sender, number) if mark == _MARK else None


class Frames:
    """Frames of noise [H, W, 3], each with its stamp."""

    def __init__(self, width: int, height: int, *, sender: int) -> None:
        draw = np.random.default_rng(sender)
        self._sender = sender
        self._pixels = draw.integers(0, 256, (height, width, 3), np.uint8)
        self.period = period(self._pixels.nbytes)
        self._made = (
            []
            if self.period is None
            else [self._stamped(number) for number in range(self.period)]
        )

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        if self.period is None:
            return self._stamped(number)
        return self._made[number % self.period]

    def _stamped(self, number: int) -> NDArray[np.uint8]:
        pixels = self._pixels.copy()
        _FORM.pack_into(pixels.reshape(-1), 0, _MARK, self._sender, number)  # type: ignore[arg-type]
        return pixels


def period(nbytes: int) -> int | None:
    """Return after how many frames of this size the numbers begin anew; none: never."""
    return DIFFERENT if nbytes >= _LARGE else None


@dataclass(slots=True)
class Seen:
    """Which frames came, and whether one came out of its turn."""

    frames: Counter[int] = field(default_factory=Counter)
    """By sender."""
    out_of_turn: int = 0
    """Frames that were not the next of their sender: lost, repeated or overtaken."""
    strangers: int = 0
    """Frames without a stamp."""

    def note(self, pixels: bytes | memoryview) -> None:
        """Take in raw pixels."""
        stamp = stamp_of(pixels)
        if stamp is None:
            self.strangers += 1
            return
        wanted = self.frames[stamp.sender]
        again = period(len(pixels))
        self.out_of_turn += stamp.number != (wanted if again is None else wanted % again)
        self.frames[stamp.sender] += 1
