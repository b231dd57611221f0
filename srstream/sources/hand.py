"""A file that was handed out, until somebody says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from srstream.errors import DecodeError, Postponed, Unreadable
from srstream.frames import Picture
from srstream.sources.files import Look, look_at, read_unchanged


class InHand:
    """Reads one file, on any thread, and remembers how that went."""

    def __init__(
        self,
        folder: Path,
        source: str,
        look: Look,
        *,
        max_pixels: int,
        wall: Callable[[], int],
    ) -> None:
        """Prepare; nothing is read yet."""
        self.source = source
        self.look = look
        self.was_hashed = False
        """Whether its content is known, and so can be compared."""
        self.read_at_ns: int | None = None
        """The wall clock before it was read at last; none: it never was."""
        self.problem = ""
        """Why it could not be read at last."""
        self._path = folder / source
        self._max_pixels = max_pixels
        self._wall = wall

    def read(self) -> Picture:
        """Read the picture that was looked at.

        Raises:
            Postponed: the file changed, or it is gone: it may be back, as an unmounted
                share looks just like an empty folder.
            Unreadable: it cannot be read now.
            DecodeError: it is not a picture that we take.
        """
        self.read_at_ns = self._wall()
        try:
            picture = read_unchanged(self._path, self.look, max_pixels=self._max_pixels)
        except Unreadable as error:
            self.problem = str(error)
            raise
        except DecodeError as error:
            if look_at(self._path) is None:
                self.problem = str(error)
                raise Postponed(str(error)) from error
            raise
        if picture.content is not None:
            self.read_at_ns = picture.content.read_at_ns
            self.was_hashed = True
        return picture
