"""On which line of a file does a key stand? For complaints."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from typing import Any

from srstream.settings.keys import split

_CLOSERS = ("", "]", "]}", "]}]", "]]", "]]}", "]]}]")
"""What ends an array, and the inline tables around it, in the middle of its lines."""


class Lines:
    """Finds keys in a TOML text, by reading its beginnings.

    A key stands where the shortest beginning ends that has it. Beginnings only ever gain
    keys, so few of them must be read, however long the text is.
    """

    def __init__(self, text: str) -> None:
        """Take a text that is TOML."""
        self._lines = text.split("\n")
        self._read: dict[int, Any] = {}

    def of(self, key: str) -> int | None:
        """Return the line of a key, from 1; of a missing one, that of its table.

        None: not even the outermost table is there, or this is not a key.
        """
        try:
            path = split(key)
        except ValueError:
            return None
        whole = len(self._lines)
        while path and not _has(self._beginning(whole), path):
            path = path[:-1]
        if not path:
            return None
        return self._refined(*self._block(path), path[-1])

    def _block(self, path: tuple[str, ...]) -> tuple[int, int]:
        """Return the longest beginning without the path, and the shortest that has it."""
        without, having = 0, len(self._lines)
        while (read := self._between(without, having)) is not None:
            if _has(self._beginning(read), path):
                having = read
            else:
                without = read
        return without, having

    def _between(self, low: int, high: int) -> int | None:
        """Return a beginning that can be read, about half-way between two others."""
        middle = (low + high) // 2
        candidates = chain(range(middle, low, -1), range(middle + 1, high))
        return next((n for n in candidates if self._beginning(n) is not None), None)

    def _refined(self, without: int, having: int, name: str) -> int:
        """Return the line of a block of which no part can be read alone."""
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        for number in range(without + 1, having + 1):
            if word.search(self._lines[number - 1]):
                return number
        return without + 1

    def _beginning(self, lines: int) -> Any:
        """Return what the first so many lines say; none: they cannot be read alone."""
        if lines not in self._read:
            text = "\n".join([*self._lines[:lines], ""])
            attempts = (_parsed(text + closer) for closer in _CLOSERS)
            self._read[lines] = next((data for data in attempts if data is not None), None)
        return self._read[lines]


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def _has(data: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part in map(str, range(len(data))):
            data = data[int(part)]
        else:
            return False
    return True
