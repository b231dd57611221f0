"""Which numbers of frames are missing. Pure."""

from __future__ import annotations

MOST_STREAMS = 4096
"""Beyond it the one that was followed longest is forgotten: names come from outside."""


class Gaps:
    """Follows the numbers of many streams."""

    def __init__(self) -> None:
        self.missing = 0
        """Numbers left out so far, in all streams."""
        self._last: dict[str, int] = {}

    def seen(self, stream: str, seq: int) -> int:
        """Return how many numbers were left out just before this one.

        None are before the first of a stream, nor where numbers go back: then its sender
        began anew.
        """
        last = self._last.get(stream, seq)
        if stream not in self._last and len(self._last) >= MOST_STREAMS:
            del self._last[next(iter(self._last))]
        self._last[stream] = seq
        missing = max(0, seq - last - 1)
        self.missing += missing
        return missing
