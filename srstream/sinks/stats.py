"""One line of JSON about every frame, appended to a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiofiles
import structlog

from srstream.errors import SinkError
from srstream.frames import Upscaled
from srstream.ports import StreamContext
from srstream.sinks.stats_line import stats_line

_BLOCK = 4096  # bytes looked at together for the last newline


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """A file of statistics."""

    path: str
    """The file, one line of JSON per frame; appended to, and made if it is missing."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path is empty; name a file")


class StatsSink:
    """Appends a whole line per frame.

    The file is opened for each line, so it may be moved away or deleted at any time.
    """

    reports = True
    lasting = False

    def __init__(
        self,
        options: StatsOptions,
        context: StreamContext,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = context.base / options.path
        self._run = context.run
        self._now = now
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger().bind(
            stream=context.stream, file=str(self._path)
        )
        self._may_be_torn = True  # by a run before; and the file may not be ours at all

    async def open(self) -> None:
        """Make the folder, and remove a line that a crash has left unfinished.

        Raises:
            SinkError: the file cannot be written, or is not one of statistics.
        """
        try:
            await self._mend()
            await self._append(b"")
        except SinkError:
            raise
        except OSError as exc:
            raise self._error(exc) from exc

    async def write(self, item: Upscaled) -> None:
        """Append the line about a frame.

        Raises:
            SinkError: the file cannot be written; the next line is tried anew.
        """
        line = stats_line(item, run=self._run, time=self._now()) + "\n"
        try:
            if self._may_be_torn:
                await self._mend()
            await self._append(line.encode())
        except SinkError:
            raise
        except OSError as exc:
            self._may_be_torn = True
            raise self._error(exc) from exc

    async def close(self) -> None:
        """Do nothing: no file is open between two lines."""

    async def _append(self, data: bytes) -> None:
        await asyncio.to_thread(self._path.parent.mkdir, parents=True, exist_ok=True)
        async with aiofiles.open(self._path, "ab") as file:
            await file.write(data)

    async def _mend(self) -> None:
        cut = await asyncio.to_thread(cut_torn_line, self._path)
        self._may_be_torn = False
        if cut:
            self._log.warning("unfinished line removed from the statistics", bytes=cut)

    def _error(self, exc: OSError) -> SinkError:
        return SinkError(f"{self._path}: cannot be written: {exc.strerror}")


def cut_torn_line(path: Path) -> int:
    """Cut what follows the last newline of a file; return how many bytes. Blocks.

    A missing file, and what is not a regular one, is left alone.

    Raises:
        SinkError: it holds something else than lines of JSON, which is not to be cut.
        OSError: the file cannot be read or written.
    """
    try:
        if not path.is_file():
            return 0
        with path.open("r+b") as file:
            # A power cut can leave zeros where a line was to be.
            if file.read(1) not in (b"", b"{", b"\0"):
                raise SinkError(
                    f"{path}: holds something else than statistics; name another file"
                )
            size = file.seek(0, os.SEEK_END)
            whole = _end_of_last_line(file.fileno(), size)
            file.truncate(whole)
            return size - whole
    except FileNotFoundError:
        return 0


def _end_of_last_line(handle: int, size: int) -> int:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(handle, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
