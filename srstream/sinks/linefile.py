"""A file of whole lines that grows, rotates, and may be moved away at any time.

It is opened anew for what comes after it was synced, and whenever another file has its
name. Everything here blocks, and is called from one thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from srstream.atomic import sync_file, sync_folder, sync_handle
from srstream.ledger import Line
from srstream.sinks.place import Place
from srstream.sinks.rotation import Rotation, files_aside, set_aside
from srstream.sinks.tail import cut_torn_line, first_time, last_seq


class LineFile:
    """Lines of one stream, each with the number of its frame, in their order."""

    def __init__(
        self,
        path: Path,
        stream: str,
        rotation: Rotation,
        *,
        now: Callable[[], datetime],
        log: FilteringBoundLogger,
    ) -> None:
        """Put the parts together; nothing is opened yet.

        Args:
            path: Where; links are followed.
            stream: Whose lines are looked for in the file.
            rotation: When it is set aside.
            now: The time, with its zone.
            log: Told what is worth it.
        """
        self.is_sound = False
        """Whether it is known what is in the file; if not, it must be begun."""
        self.last = 0
        """The highest number that is in the file, or was."""
        self.synced = 0
        """The same of what no power cut takes back."""
        self._path = path
        self._stream = stream
        self._rotation = rotation
        self._now = now
        self._log = log
        self._place = Place(path.parent)
        self._handle: int | None = None  # of what was appended to and is not synced yet
        self._is_new = False
        self._began: datetime | None = None
        self._has_complained = False

    def begin(self, known: int) -> int:
        """Cut a torn line and find out which line is the last.

        Args:
            known: The file is known to have had the lines up to this number.

        Returns:
            The number on the last line that is there; 0 if there is none.

        Raises:
            SinkError: the file holds something else than statistics.
            OSError: it cannot be read or written.
        """
        self.is_sound = False
        self._let_go()
        self._place.make()
        cut = cut_torn_line(self._path)
        if cut:
            self._log.warning("unfinished line removed from the statistics", bytes=cut)
        self._hold()
        there = last_seq(self._path, self._stream) or self._last_seq_aside()
        self.last = max(known, self.synced, there)
        self.sync()
        self.is_sound = True
        return there

    def append(self, lines: Sequence[Line]) -> None:
        """Append those of these lines that come after the last one; none if not sound.

        Raises:
            OSError: some were not; what is in the file is found out by `begin`.
        """
        if not self.is_sound:
            return
        self.is_sound = False
        waiting = [line for line in lines if line.seq > self.last]
        while waiting:
            handle = self._hold()
            if self._is_full(handle, adding=len(_encoded(waiting[0]))):
                self._rotate()
                handle = self._hold()
            size = os.fstat(handle).st_size
            count, data = self._fitting(waiting, size)
            _write_all(handle, data)
            if self._rotation.age is not None and size == 0:
                self._began = first_time(self._path)
            self.last = waiting[count - 1].seq
            waiting = waiting[count:]
        self.is_sound = True

    def sync(self) -> None:
        """Make what was appended last, and close the file.

        Raises:
            OSError: it is not known what lasts.
        """
        if self._handle is None:
            return
        was_sound, self.is_sound = self.is_sound, False
        try:
            sync_handle(self._handle)
        finally:
            self._let_go()
        if self._is_new:
            sync_folder(self._real().parent)
        self.synced = self.last
        self.is_sound = was_sound

    def _hold(self) -> int:
        """Return the descriptor of what is at the path now."""
        self._place.make()
        if self._handle is not None:
            if self._is_at_path(self._handle):
                return self._handle
            self.sync()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o666)
        self._is_new = os.fstat(self._handle).st_size == 0
        self._began = None if self._rotation.age is None else first_time(self._path)
        return self._handle

    def _let_go(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)

    def _is_at_path(self, handle: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(handle))
        except FileNotFoundError:
            return False

    def _is_full(self, handle: int, *, adding: int) -> bool:
        found = os.fstat(handle)
        return stat.S_ISREG(found.st_mode) and self._rotation.is_due(
            size=found.st_size, adding=adding, began=self._began, now=self._now()
        )

    def _fitting(self, lines: Sequence[Line], size: int) -> tuple[int, bytes]:
        """Return how many of the lines have room, but at least one, and their bytes."""
        data = bytearray()
        for count, line in enumerate(lines):
            encoded = _encoded(line)
            room = self._rotation.size
            if count and room is not None and size + len(data) + len(encoded) > room:
                return count, bytes(data)
            data += encoded
        return len(lines), bytes(data)

    def _rotate(self) -> None:
        """Set the file aside; if that cannot be, it grows on."""
        self.sync()
        try:
            set_aside(self._real(), self._rotation.kept)
        except OSError as exc:
            if not self._has_complained:
                self._has_complained = True
                self._log.warning("statistics cannot be rotated", reason=exc.strerror)
        else:
            self._log.debug("statistics rotated")

    def _last_seq_aside(self) -> int:
        """Return the highest number in the files set aside, made to last."""
        highest = 0
        for path in files_aside(self._real()):
            seq = last_seq(path, self._stream)
            if seq > highest:
                highest = seq
                sync_file(path)
        return highest

    def _real(self) -> Path:
        return Path(os.path.realpath(self._path))


def _encoded(line: Line) -> bytes:
    return f"{line.text}\n".encode()


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
