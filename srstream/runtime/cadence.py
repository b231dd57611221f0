"""When is a checkpoint due? Pure: told of frames, saves and the time."""

from __future__ import annotations


class Cadence:
    """After so many frames or so many seconds, whichever comes first.

    Never without a frame since the last checkpoint: an idle stream has nothing to save.
    """

    def __init__(self, frames: int, seconds: float) -> None:
        """Set the limits.

        Args:
            frames: from 1; 1 is after each frame.
            seconds: since the last checkpoint, or since the first question if there was
                none.
        """
        self._frames = frames
        self._seconds = seconds
        self._seen = 0
        self._since: float | None = None

    def saw(self) -> None:
        """Count a frame."""
        self._seen += 1

    def due(self, now: float) -> bool:
        """Tell whether a checkpoint is due; `now` is in seconds, rising."""
        if self._since is None:
            self._since = now
        return self._seen > 0 and (
            self._seen >= self._frames or now - self._since >= self._seconds
        )

    def saved(self, now: float) -> None:
        """Begin anew: a checkpoint holds all that was counted."""
        self._seen = 0
        self._since = now
