"""What an interrupted `srstream upscale` continues with: weights beside the results."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from srstream.engine import Session
from srstream.engine.options import SessionOptions
from srstream.frames import Frame, Upscaled
from srstream.sinks.atomic import write_atomically

STATE = ".srstream-upscale.state"


class Memory:
    """The session's state in a hidden file of the output folder."""

    def __init__(self, folder: Path, options: SessionOptions) -> None:
        self._path = folder / STATE
        self._carries = options.adapt.mode == "online"

    def recall(self) -> bytes | None:
        """Return what was remembered, if anything."""
        try:
            return self._path.read_bytes() if self._carries else None
        except OSError:
            return None

    def remember(self, state: bytes) -> None:
        """Replace what was remembered. Raises `SinkError`."""
        write_atomically(self._path, state)

    def forget(self) -> None:
        """Remove the file: all is done."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    @property
    def is_kept(self) -> bool:
        """True if weights are carried, so that there is something to remember."""
        return self._carries


class Remembering:
    """A session that leaves its state behind after each frame.

    A frame that was finished but not yet written when the program died is done again,
    with weights that have seen it once: better than weights that have seen nothing.
    """

    def __init__(self, session: Session, memory: Memory) -> None:
        self._session = session
        self._memory = memory

    def begin(self, frame: Frame) -> None:
        """As the session."""
        self._session.begin(frame)

    def advance(self, seconds: float) -> bool:
        """As the session."""
        return self._session.advance(seconds)

    def finish(self) -> Upscaled:
        """As the session; then remember. Raises `SinkError`."""
        result = self._session.finish()
        if self._memory.is_kept:
            self._memory.remember(self._session.dump())
        return result

    def abandon(self) -> None:
        """As the session."""
        self._session.abandon()
