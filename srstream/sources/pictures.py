"""A list of pictures that are there already: the source of `srstream upscale`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from srstream.errors import Complaint, ConfigError, DecodeError, Postponed, Unreadable
from srstream.frames import Picture
from srstream.ports import Packet, Verdict
from srstream.sources.files import MAX_PIXELS, look_at, read_unchanged
from srstream.sources.matching import PICTURES, matcher
from srstream.sources.names import Names, natural_key


def expand(paths: Sequence[Path], pattern: Sequence[str] = PICTURES) -> list[Path]:
    """Return the files given, with the matching ones of each folder in its place.

    Within a folder the order is natural; hidden files and what is deeper down are left
    out. A file that is given twice is taken once.

    Raises:
        ConfigError: a path does not exist, or a folder has no pictures; names them all.
    """
    complaints: list[Complaint] = []
    files: dict[str, Path] = {}
    for path in paths:
        try:
            found = _pictures_in(path, pattern) if path.is_dir() else [path]
        except OSError as exc:
            complaints.append(Complaint("", f"{path}: cannot be read: {exc.strerror}"))
            continue
        if not found:
            wanted = ", ".join(pattern)
            complaints.append(Complaint("", f"{path}: no pictures in it ({wanted})"))
        elif found == [path] and not os.path.lexists(path):
            complaints.append(Complaint("", f"{path}: no such file or folder"))
        for file in found:
            files.setdefault(os.path.realpath(file), file)
    if complaints:
        raise ConfigError(*complaints)
    return list(files.values())


class PictureList:
    """Offers each picture once, in the order given; ends after the last."""

    arrived = 0
    """All of them are there from the start."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        clock: Callable[[], float],
        max_pixels: int = MAX_PIXELS,
        skip: Callable[[Path, str], bool] | None = None,
    ) -> None:
        """Name the pictures and leave out those that are done.

        Args:
            paths: The files, as `expand` returns them.
            clock: Monotonic seconds.
            max_pixels: Larger pictures are refused, from their header.
            skip: Asked once about each file and its name: true leaves it out.
        """
        self._clock = clock
        self._max_pixels = max_pixels
        names = Names(flat=True)
        for path in paths:
            names.add(str(path))
        named = [(path, names.claim(str(path))) for path in paths]
        self.names = tuple(name for _, name in named)
        """What the outputs of all pictures are called, in order."""
        self.kept = tuple(
            (path, name) for path, name in named if skip is not None and skip(path, name)
        )
        """The pictures that were left out, each with what its output is called."""
        left_out = set(self.kept)
        self._waiting = deque(entry for entry in named if entry not in left_out)

    @property
    def backlog(self) -> int:
        """How many pictures were not yet handed out."""
        return len(self._waiting)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Packet]]:
        """Offer the pictures. One that is returned is offered next."""
        yield self._packets()

    async def _packets(self) -> AsyncIterator[Packet]:
        while self._waiting:
            path, name = self._waiting.popleft()
            yield Packet(
                source=str(path),
                name=name,
                offered=self._clock(),
                read=partial(self._read, path),
                done=partial(self._done, path, name),
            )

    def _read(self, path: Path) -> Picture:
        look = look_at(path)
        if look is None:
            raise DecodeError(f"{str(path)!r} vanished before it could be read")
        try:
            return read_unchanged(path, look, max_pixels=self._max_pixels)
        except Postponed as exc:
            # A list does not wait for a file to settle: the next call takes it up.
            raise DecodeError(f"{str(path)!r} changed while it was read") from exc
        except Unreadable as exc:
            raise DecodeError(str(exc)) from exc  # nor for a file to become readable

    async def _done(self, path: Path, name: str, verdict: Verdict) -> None:
        if verdict is Verdict.RETURNED:
            self._waiting.appendleft((path, name))


def _pictures_in(folder: Path, pattern: Sequence[str]) -> list[Path]:
    matches = matcher(pattern)
    found = [path for path in folder.iterdir() if matches(path.name)]
    return sorted(found, key=lambda path: natural_key(path.name))
