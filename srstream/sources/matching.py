"""Which names in a folder are taken for pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

PICTURES = ("*.png", "*.jpg", "*.jpeg", "*.tif", "*.tiff", "*.webp", "*.bmp")
"""The default pattern."""


def matcher(pattern: Sequence[str]) -> Callable[[str], bool]:
    """Return a test for names: any of the shell patterns, upper and lower case alike.

    Names with a leading dot never match: unfinished files are called so, ours and those
    of rsync and others.
    """
    shape = re.compile("|".join(translate(part.lower()) for part in pattern))

    def matches(name: str) -> bool:
        return not name.startswith(".") and shape.match(name.lower()) is not None

    return matches
