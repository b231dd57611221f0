"""A folder of enlarged pictures, one file per frame, whole or not there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from srstream.atomic import sweep
from srstream.errors import SinkError
from srstream.frames import Upscaled
from srstream.media.encode import (
    JPEG_QUALITY,
    PNG_COMPRESSION,
    encode_picture,
    jpeg_losses,
)
from srstream.ports import StreamContext
from srstream.ranges import check_within
from srstream.sinks.storing import store

Result = TypeVar("Result")

_LONGEST_NAME = 255  # bytes, on all the usual file systems


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

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path is empty; name a folder")
        check_within("quality", self.quality, 1, 100)
        check_within("compression", self.compression, 1, 9)


class DirectorySink:
    """Writes each frame to `<name>.<format>`; encodes and writes on its own thread."""

    reports = False
    lasting = True

    def __init__(self, options: DirectorySinkOptions, context: StreamContext) -> None:
        self._options = options
        self._folder = context.base / options.path
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger().bind(
            stream=context.stream, folder=str(self._folder)
        )
        self._said: set[str] = set()
        self._pool = ThreadPoolExecutor(1, f"srstream-encode-{context.stream}")

    async def open(self) -> None:
        """Make the folder and remove what a crash left unfinished.

        Raises:
            SinkError: the folder cannot be made.
        """
        swept = await self._on_thread(self._prepare)
        if swept:
            self._log.info("unfinished outputs removed", files=swept)

    async def write(self, item: Upscaled) -> None:
        """Write one frame; the folder is made again if it went missing.

        Raises:
            SinkError: it cannot be encoded, or not be written there.
        """
        path = self.path_of(item.frame.id.name)
        await self._on_thread(partial(self._store, path, item))
        if self._options.format == "jpg":
            self._say_losses(item)

    async def close(self) -> None:
        """Let the thread end; each write was awaited, so nothing is pending."""
        self._pool.shutdown(wait=False)

    def path_of(self, name: str) -> Path:
        """Return where the frame of this name is written.

        Raises:
            SinkError: the name is not one of a file in this folder.
        """
        file_name = f"{name}.{self._options.format}"
        if name in ("", ".", "..") or os.sep in name or "\0" in name:
            raise SinkError(f"{name!r} is not a name for a file in {self._folder}")
        try:
            length = len(os.fsencode(file_name))
        except UnicodeEncodeError as exc:
            raise SinkError(f"{name!r} is not a name for a file: {exc.reason}") from exc
        if length > _LONGEST_NAME:
            raise SinkError(
                f"{file_name!r} is too long for a file's name: {length} bytes; "
                f"allowed: {_LONGEST_NAME}"
            )
        return self._folder / file_name

    def holds(self, name: str, newer_than_ns: int) -> bool:
        """Tell whether the output stands and is not older than this. Blocks.

        Args:
            name: What the output is called, without extension.
            newer_than_ns: The least time of its last change, since 1970 in ns.
        """
        try:
            path = self.path_of(name)
            return path.is_file() and path.stat().st_mtime_ns >= newer_than_ns
        except OSError:
            return False

    def _prepare(self) -> int:
        self._make_folder()
        try:
            return sweep(self._folder)
        except OSError as exc:
            raise SinkError(
                f"{self._folder}: cannot be read: {exc.strerror}; "
                "allow it, or name another folder in `path`"
            ) from exc

    def _store(self, path: Path, item: Upscaled) -> None:
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
        self._make_folder()
        store(path, data)

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise SinkError(
                f"{self._folder}: not a folder, and none can be made: {exc.strerror}; "
                "make it, or name another folder in `path`"
            ) from exc

    def _say_losses(self, item: Upscaled) -> None:
        losses = [loss for loss in jpeg_losses(item.pixels) if loss not in self._said]
        if losses:
            self._said.update(losses)
            self._log.warning(
                "jpg does not hold all of the picture",
                lost=losses,
                source=item.frame.id.source,
            )

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
