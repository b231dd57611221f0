"""How long to wait until a stream that failed is started again. Pure: told the time.

The delays double, so that a cause that passes by itself has time to. What fails five times
within a minute has a cause that does not, and stays down until somebody acts.
"""

from __future__ import annotations

WINDOW = 60.0
"""Seconds. This many failures back count; a run that lasts longer makes good for all."""
MOST = 5
"""Failures within `WINDOW` with which a stream stays down."""
_DOUBLINGS = 5
_LONGEST = 30.0


class Restart:
    """Remembers the failures of one stream."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._in_a_row = 0
        self._recent: list[float] = []

    @property
    def recent(self) -> int:
        """The last failure, and how many there were within `WINDOW` before it."""
        return len(self._recent)

    def begun(self, now: float) -> None:
        """Note that the stream is tried; making it is part of the try."""
        self._begun = now

    def failed(self, now: float) -> float | None:
        """Return after how many seconds, 1 to 30, to try again; None: it stays down.

        Args:
            now: seconds, rising.
        """
        if now - self._begun > WINDOW:
            self._in_a_row = 0
        self._in_a_row += 1
        self._recent = [time for time in self._recent if now - time <= WINDOW]
        self._recent.append(now)
        if len(self._recent) >= MOST:
            return None
        return min(2.0 ** min(self._in_a_row - 1, _DOUBLINGS), _LONGEST)
