"""What an interrupted `srstream upscale` continues with: weights beside the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from srstream.engine import Session
from srstream.engine.options import SessionOptions
from srstream.errors import Complaint, ConfigError
from srstream.frames import Frame, Upscaled
from srstream.media.decode import read_picture, read_size
from srstream.sinks.storing import store
from srstream.sources.files import MAX_PIXELS

STATE = ".srstream-upscale.state"


def check_kept(
    kept: Iterable[tuple[Path, str]], result_of: Callable[[str], Path], *, scale: int
) -> None:
    """Raise unless the results that stand are of the right size, by their headers.

    Args:
        kept: each picture and what its result is called.
        result_of: where the result of this name stands.
        scale: how many times larger a result must be.

    Raises:
        ConfigError: with the results that are not, which another scale has left.
        DecodeError: a picture or a result cannot be read.
    """
    complaints = []
    for picture, name in kept:
        width, height = (
            read_size(picture) or read_picture(picture, max_pixels=MAX_PIXELS).size
        )
        if read_size(result_of(name)) != (width * scale, height * scale):
            problem = f"is not {scale} times {picture}; use another -o, or --overwrite"
            complaints.append(Complaint("", f"{result_of(name)} {problem}"))
    if complaints:
        raise ConfigError(*complaints)


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
        store(self._path, state)

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

    def dump(self) -> bytes:
        """As the session."""
        return self._session.dump()

    def load(self, blob: bytes) -> None:
        """As the session. Raises `StateError`."""
        self._session.load(blob)
