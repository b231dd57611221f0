"""From what a sender calls itself to what its stream may be called. Pure."""

from __future__ import annotations

import hashlib
import re

NAMELESS = "feed"
"""Stands for a sender without a name."""

_LONGEST = 64
_HASHED = 8
"""Hexadecimal digits, which tell apart what was made alike."""

_AS_IT_IS = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{_LONGEST - 1}}}")
"""No leading dot: `.` and `..` are folders, and the others are hidden."""
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]+|^\.+")


def sender_id(name: str) -> str:
    """Return 1 to 64 of A-Z a-z 0-9 . _ -, the first no dot: never a path.

    A name that is no such text is changed, and ends in eight digits of its own SHA-256.
    """
    name = name or NAMELESS
    if _AS_IT_IS.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_HASHED]
    readable = _NOT_ALLOWED.sub("_", name)[: _LONGEST - _HASHED - 1]
    return f"{readable}-{digest}"
