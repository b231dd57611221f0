"""Who works next on one device: whoever has used the least time.

Turns differ in length, from milliseconds to seconds, so taking them in a circle would
give nearly all of the time to the stream with the longest.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class FairShare(Generic[Key]):
    """Counts the time used by each key.

    A key without work keeps its place for a moment: it may be back at once. When the
    moment is over it is dismissed, which takes away what it was owed, so that nobody
    saves time up by idling; what it used too much is remembered.
    """

    def __init__(self) -> None:
        self._used: dict[Key, float] = {}
        self._resting: dict[Key, float] = {}
        self._floor = 0.0
        """Nobody starts below; never falls."""

    def wake(self, key: Key) -> None:
        """The key has work from now on; a new one starts at the least of the others."""
        if key in self._used:
            return
        known = (*self._used.values(), *self._resting.values())
        floor = max(self._floor, min(known, default=0.0))
        self._used[key] = max(self._resting.pop(key, 0.0), floor)

    def rest(self, key: Key) -> None:
        """The key has no work for now."""
        self._resting[key] = self._used.pop(key)

    def used(self, key: Key, seconds: float) -> None:
        """A key that has work has worked for this long."""
        # Put back at the end: among equals, the one whose turn is longest ago is next.
        self._used[key] = self._used.pop(key) + seconds

    def pick(self) -> Key:
        """Return the key with work that has used the least time.

        Raises:
            ValueError: none has work.
        """
        return min(self._used, key=self._used.__getitem__)

    def owed(self) -> float:
        """Return by how much a key at rest has used less than all that have work."""
        if not self._used or not self._resting:
            return 0.0
        return max(0.0, min(self._used.values()) - min(self._resting.values()))

    def dismiss(self) -> None:
        """Wait no longer for the keys at rest."""
        self._floor = max(self._floor, min(self._used.values(), default=0.0))
        self._resting = {
            key: used for key, used in self._resting.items() if used > self._floor
        }
