"""Durations, sizes and counts as an operator writes them: `7d`, `50GB`, `10000`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def duration(text: str) -> float:
    """Return the seconds of `90s`, `15min`, `12h` or `7d`.

    Raises:
        ValueError: it is no such text, or not above zero.
    """
    return _read(text, _SECONDS, "a time such as 90s, 15min, 12h or 7d")


def size(text: str) -> int:
    """Return the bytes of `500kB`, `100MB`, `50GB` or `2TB`, in powers of 1000.

    Raises:
        ValueError: it is no such text, or below one byte.
    """
    return round(_read(text, _BYTES, "a size such as 100MB or 50GB"))


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of something is kept: exactly one of these is set."""

    seconds: float | None = None
    bytes: int | None = None
    files: int | None = None


def keep(value: str | int) -> Keep:
    """Return what `"7d"`, `"50GB"` or `10000` says.

    Raises:
        ValueError: it is none of these, or not above zero.
    """
    if isinstance(value, int):
        if value < 1:
            raise ValueError(f"{value}; allowed: a time, a size, or a count from 1")
        return Keep(files=value)
    match = _QUANTITY.fullmatch(value.strip())
    if match and match[2] in _SECONDS:
        return Keep(seconds=duration(value))
    if match and match[2] in _BYTES:
        return Keep(bytes=size(value))
    raise ValueError(
        f'{value!r}; allowed: a time such as "7d", a size such as "50GB", or a count'
    )


def _read(text: str, units: dict[str, float] | dict[str, int], allowed: str) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    if not match or match[2] not in units or float(match[1]) * units[match[2]] < 1:
        raise ValueError(f"{text!r}; allowed: {allowed}")
    return float(match[1]) * units[match[2]]
