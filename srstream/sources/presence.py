"""What a scan of a folder says to be there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container


class Presence:
    """Holds what was found, and what may be there unseen: below what cannot be read."""

    def __init__(self, found: Container[str], unreadable: Collection[str]) -> None:
        """Take the paths of what was found, and of what could not be looked into."""
        self._found = found
        self._unreadable = frozenset(unreadable)

    def __contains__(self, source: object) -> bool:
        if source in self._found:
            return True
        return bool(self._unreadable) and self._is_hidden(str(source))

    def _is_hidden(self, path: str) -> bool:
        while path not in self._unreadable:
            path, slash, _ = path.rpartition("/")
            if not slash:
                return False
        return True
