"""A folder of enlarged pictures, one file per frame, whole or not there."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import structlog

from srstream import quantities
from srstream.atomic import part_of, sweep
from srstream.errors import SinkError
from srstream.frames import Upscaled
from srstream.ledger import Output
from srstream.media.encode import (
    JPEG_QUALITY,
    PNG_COMPRESSION,
    encode_picture,
    jpeg_losses,
)
from srstream.ownthread import OwnThread
from srstream.ports import StreamContext
from srstream.ranges import check_within
from srstream.sinks.below import is_below, make_folders_between, path_below
from srstream.sinks.place import Place
from srstream.sinks.retention import Retention
from srstream.sinks.storing import folder_error, store


@dataclass(frozen=True, slots=True)
class DirectorySinkOptions:
    """A folder for the results."""

    path: str
    """The folder; made if it is missing."""
    format: Literal["png", "jpg"] = "png"
    """png: without loss, in the depth of the source; jpg: smaller, 8 bits."""
    quality: int = JPEG_QUALITY
    """Of a jpg, 1 to 100."""
    compression: int = PNG_COMPRESSION
    """Of a png, 1 (fast) to 9 (small)."""
    keep: str | int = ""
    """The oldest results beyond a time (7d), a size (50GB) or a count (10000) are deleted;
    empty: all are kept."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path is empty; name a folder")
        check_within("quality", self.quality, 1, 100)
        check_within("compression", self.compression, 1, 9)
        self.kept()

    def kept(self) -> quantities.Keep | None:
        """Return how much is kept; none: everything.

        Raises:
            ValueError: `keep` says nothing of the kind.
        """
        if self.keep == "":
            return None
        try:
            return quantities.keep(self.keep)
        except ValueError as exc:
            raise ValueError(f"keep is {exc}") from exc


class DirectorySink:
    """Writes each frame to `<name>.<format>`; encodes and writes on its own thread."""

    reports = False
    lasting = True

    def __init__(self, options: DirectorySinkOptions, context: StreamContext) -> None:
        self._options = options
        self._folder = context.base / options.path
        self._place = Place(self._folder)
        self._ledger = context.ledger
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger().bind(
            stream=context.stream, folder=str(self._folder)
        )
        self._said: set[str] = set()
        self._thread = OwnThread(f"srstream-encode-{context.stream}")
        self._tidying: asyncio.Task[None] | None = None
        kept = options.kept()
        self._retention = (
            None
            if kept is None
            else Retention(
                self._folder,
                kept,
                pattern=f"*.{options.format}",
                ledger=context.ledger,
                clock=context.clock,
                on_thread=self._thread.run,
                log=self._log,
            )
        )

    async def open(self) -> None:
        """Make the folder and remove what a crash left unfinished in it.

        Raises:
            SinkUnavailable: the folder cannot be made, or not be read.
        """
        if self._retention is not None:
            self._tidying = asyncio.create_task(self._retention.keep_tidy())
        swept = await self._thread.run(self._prepare)
        if swept:
            self._log.info("unfinished outputs removed", files=swept)

    async def write(self, item: Upscaled) -> None:
        """Write one frame, unless it stands from a run before.

        The folder is made again if it went missing, but not one above it.

        Raises:
            SinkUnavailable: not now: no space, not permitted, share gone.
            SinkError: it cannot be encoded, or not be written under its name.
        """
        path = self.path_of(item.frame.id.name)
        data, digest = await self._thread.run(partial(self._encode, path, item))
        part = part_of(path)
        if self._retention is not None:
            self._retention.note(path, len(data))
        output = Output(str(path.absolute()), str(part.absolute()), len(data), digest)
        if await self._ledger.intend(item.frame.id, output):
            await self._thread.run(partial(store, path, data, part=part))
        if self._options.format == "jpg":
            self._say_losses(item)
        if self._retention is not None:
            await self._retention.tidy()
            self._retention.written()

    async def close(self) -> None:
        """Let the thread end, after what it does by now.

        Whoever waited for that may have been cancelled; it must not name an output when
        the next run of the stream has written a newer one. So it is waited for again when
        this is cancelled, once.
        """
        if self._tidying is not None:
            self._tidying.cancel()
        try:
            try:
                await self._thread.drained()
            except asyncio.CancelledError:
                await self._thread.drained()
                raise
        finally:
            self._thread.close()

    def path_of(self, name: str) -> Path:
        """Return where the frame of this name is written.

        Raises:
            SinkError: the name is not one of a file below this folder.
        """
        return path_below(self._folder, name, self._options.format)

    def holds(self, name: str, newer_than_ns: int) -> bool:
        """Tell whether the output stands and is not older than this. Blocks.

        Args:
            name: What the output is called, without extension.
            newer_than_ns: The least time of its last change, since 1970 in ns.
        """
        try:
            path = self.path_of(name)
            return (
                path.is_file()
                and is_below(self._folder, path.parent)
                and path.stat().st_mtime_ns >= newer_than_ns
            )
        except OSError:
            return False

    def _prepare(self) -> int:
        try:
            self._place.make()
            return sweep(self._folder)
        except OSError as exc:
            raise folder_error(self._folder, exc) from exc

    def _encode(self, path: Path, item: Upscaled) -> tuple[bytes, bytes]:
        """Return the file and its digest; the folders for it are there then."""
        try:
            self._place.make()
        except OSError as exc:
            raise folder_error(self._folder, exc) from exc
        make_folders_between(self._folder, path)
        try:
            data = encode_picture(
                item.pixels,
                item.frame.picture.extras,
                format=self._options.format,
                quality=self._options.quality,
                compression=self._options.compression,
            )
        except SinkError as exc:
            raise SinkError(f"{path}: {exc}") from exc
        except MemoryError as exc:
            width, height = item.size
            raise SinkError(
                f"{path}: not enough memory to encode {width}x{height} pixels"
            ) from exc
        return data, hashlib.sha256(data).digest()

    def _say_losses(self, item: Upscaled) -> None:
        losses = [loss for loss in jpeg_losses(item.pixels) if loss not in self._said]
        if losses:
            self._said.update(losses)
            self._log.warning(
                "jpg does not hold all of the picture",
                lost=losses,
                source=item.frame.id.source,
            )
