"""How many messages may wait for each subscriber, from bytes: pure."""

from __future__ import annotations

LEAST = 2
MOST = 1000
_USUAL = 1_000_000
"""Bytes of the messages that the first mark is for."""


class HighWater:
    """Falls as larger messages come, and never rises: so the bytes are never exceeded.

    Were it to rise with smaller messages, large ones that still wait would be joined by
    as many bytes of small ones.
    """

    def __init__(self, budget: int) -> None:
        """Begin with what suits messages of 1 MB and less.

        Args:
            budget: bytes.
        """
        self._budget = budget
        self.messages = self._of(_USUAL)
        """How many may wait, 2 to 1000."""

    def falls_for(self, nbytes: int) -> bool:
        """Tell whether the mark is too high for a message of this size; then it falls."""
        fitting = self._of(nbytes)
        if fitting >= self.messages:
            return False
        self.messages = fitting
        return True

    def _of(self, nbytes: int) -> int:
        return max(LEAST, min(MOST, self._budget // max(1, nbytes)))
