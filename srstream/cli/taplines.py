"""What `srstream tap` says of a frame, whoever sent it and whatever they say. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from srstream.media.printable import printable

_LONGEST = 64
"""Characters of a name that are shown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, or the statistics of one."""

    stream: str
    seq: int | None = None
    size: tuple[int, int] | None = None
    """Of its pixels, if those were looked at."""
    stats: Mapping[str, Any] = field(default_factory=dict)
    """The line of statistics; empty: there is none."""


def line_of(seen: Seen) -> str:
    """Return `pipe 42 640x480 adapted +1.23 dB 85 ms`, in columns."""
    ms = seen.stats.get("ms")
    total = _number(ms.get("total")) if isinstance(ms, Mapping) else None
    gain = _gain(seen.stats)
    columns = [
        _text(seen.stream).ljust(6),
        ("-" if seen.seq is None else str(seen.seq)).rjust(6),
        _size(seen).rjust(10),
        _text(seen.stats.get("outcome") or "-").ljust(11),
        ("-" if gain is None else f"{gain:+.2f} dB").rjust(9),
        ("-" if total is None else f"{total:.0f} ms").rjust(8),
    ]
    return " ".join(columns).rstrip()


def json_of(seen: Seen) -> str:
    """Return the line of statistics; without one what is known, under the same keys."""
    known = {"stream": seen.stream, "seq": seen.seq, "out_size": seen.size}
    return json.dumps(seen.stats or known, allow_nan=False, separators=(",", ":"))


def _gain(stats: Mapping[str, Any]) -> float | None:
    """Return what the weights in use gain over bicubic; of others what was learnt does."""
    used, bicubic, frozen, gain = (
        _number(stats.get(key))
        for key in (
            "heldout_psnr_after",
            "heldout_psnr_bicubic",
            "heldout_psnr_frozen",
            "heldout_gain",
        )
    )
    if frozen is not None and gain is not None:
        used = frozen + gain
    return None if used is None or bicubic is None else used - bicubic


def _size(seen: Seen) -> str:
    size = seen.size or seen.stats.get("out_size")
    match size:
        case (int() as width, int() as height) | [int() as width, int() as height]:
            return f"{width}x{height}"
    return "-"


def _number(value: object) -> float | None:
    return value if type(value) in (int, float) else None  # type: ignore[return-value]


def _text(value: object) -> str:
    return printable(str(value))[:_LONGEST]
