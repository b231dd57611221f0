"""Which senders may have a stream: only few, and none for a name that comes once. Pure.

A sender whose name changes with every frame would make a stream of each. So only a few of
the streams, and at most half of them, may have had a single frame; while these are there, a
new name must come twice.
"""

from __future__ import annotations

from srstream.errors import Refused

NEWCOMERS = 4
"""How many senders may have a stream of which one frame was seen."""
REMEMBERED = 1024
"""Names that came once and had to wait; the oldest are forgotten."""

FULL = "too many senders"
UNKNOWN = "new sender must send again"


class Admission:
    """Knows the senders by their ids."""

    def __init__(
        self, most: int, *, newcomers: int = NEWCOMERS, remembered: int = REMEMBERED
    ) -> None:
        """Begin with none.

        Args:
            most: how many may have a stream at a time.
            newcomers: how many of these may have sent one frame only; of more than one at
                most half of them.
            remembered: how many others are known to have come once.
        """
        self._most = most
        self._most_newcomers = min(newcomers, max(1, most // 2))
        self._most_remembered = remembered
        self._admitted: set[str] = set()
        self._newcomers: set[str] = set()
        self._came_once: dict[str, None] = {}

    def admit(self, sender: str) -> bool:
        """Note a frame of a sender; tell whether it is admitted just now.

        Raises:
            Refused: it has no stream, and must not have one.
        """
        if sender in self._admitted:
            self._newcomers.discard(sender)
            return False
        if len(self._admitted) >= self._most:
            raise Refused(FULL, f"{self._most} have a stream already")
        if sender in self._came_once:
            del self._came_once[sender]
        elif len(self._newcomers) < self._most_newcomers:
            self._newcomers.add(sender)
        else:
            self._remember(sender)
            raise Refused(UNKNOWN, f"{len(self._newcomers)} others have sent one frame")
        self._admitted.add(sender)
        return True

    def forget(self, sender: str) -> None:
        """Give up a sender that was admitted: its place is free."""
        self._admitted.discard(sender)
        self._newcomers.discard(sender)

    def _remember(self, sender: str) -> None:
        while len(self._came_once) >= self._most_remembered:
            del self._came_once[next(iter(self._came_once))]
        self._came_once[sender] = None
