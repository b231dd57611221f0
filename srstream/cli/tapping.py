"""What `srstream tap` does: subscribe, tell of each frame, write the pictures."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog
import typer
from rich.console import Console

from srstream.atomic import make_folder
from srstream.cli.gaps import Gaps
from srstream.cli.taplines import Seen, json_of, line_of
from srstream.errors import Refused
from srstream.exits import Exit
from srstream.media.encode import encode_picture
from srstream.media.printable import printable
from srstream.ownthread import OwnThread
from srstream.runtime.signals import Signals
from srstream.sinks.storing import sink_error, store
from srstream.sources.files import MAX_PIXELS
from srstream.sources.sender_ids import sender_id
from srstream.transport.channel import Received, opened
from srstream.transport.link import Link
from srstream.wire.incoming import read_message
from srstream.wire.message import Goodbye, Message, Statistics
from srstream.wire.outgoing import topic

SILENCE = 2.0
"""Seconds without a frame, at the beginning, after which it is said."""
MOST_PIXELS = 16 * MAX_PIXELS
"""What the largest frame is that we enlarge four times."""
_MOST_BYTES = 8 * MOST_PIXELS
"""Of RGBA with 16 bits a channel."""
_HOLD = 8
"""Messages that wait here; some more are on the way, then the publisher drops them."""


@dataclass(frozen=True, slots=True)
class Tapping:
    """The command's arguments."""

    link: Link
    output: Path | None
    stats: bool
    """Statistics alone."""
    streams: tuple[str, ...]
    """Empty: all."""
    json: bool
    count: int | None
    """None: until stopped."""

    def topics(self) -> tuple[bytes, ...]:
        """Return what to subscribe to."""
        kind: Literal["stats", "frame"] = "stats" if self.stats else "frame"
        return tuple(topic(name, kind) for name in self.streams) or (b"",)


def run_tapping(tapping: Tapping) -> Exit:
    """Follow until stopped, or until all came that were asked for.

    Raises:
        LinkError: the socket cannot be opened.
        SinkError: a picture cannot be written.
    """
    console = Console(stderr=True)
    tap = _Tap(tapping, console)
    try:
        asyncio.run(_until_stopped(tap))
    finally:
        tap.print_summary()
    return Exit.DONE


async def _until_stopped(tap: _Tap) -> None:
    async with Signals(lambda number: os._exit(128 + number), reload=False) as signals:
        stop = asyncio.create_task(signals.wait_for_stop())
        run = asyncio.create_task(tap.run())
        await asyncio.wait({stop, run}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


@dataclass(slots=True)
class _Tap:
    """One subscription."""

    tapping: Tapping
    console: Console
    frames: int = 0
    _gaps: Gaps = field(default_factory=Gaps)
    _refused: Counter[str] = field(default_factory=Counter)
    _unnumbered: int = 0
    _thread: OwnThread = field(default_factory=lambda: OwnThread("srstream-tap"))

    async def run(self) -> None:
        """Follow, until enough came."""
        if self.tapping.output is not None:
            _make(self.tapping.output)
        where = ", ".join(each.text for each in self.tapping.link.endpoints)
        async with opened(
            "sub",
            self.tapping.link,
            hold=_HOLD,
            max_bytes=_MOST_BYTES,
            log=structlog.get_logger(),
            topics=self.tapping.topics(),
            linger=0.0,
        ) as channel:
            waiting = asyncio.get_running_loop().call_later(
                SILENCE, self._say, f"waiting for frames from {where}"
            )
            try:
                while self.tapping.count is None or self.frames < self.tapping.count:
                    received = await channel.receive()
                    waiting.cancel()
                    await self._take(received)
            finally:
                waiting.cancel()
                self._thread.close()

    async def _take(self, received: Received) -> None:
        try:
            said = read_message(received.parts, max_pixels=MOST_PIXELS)
            match said:
                case Goodbye():
                    return
                case Statistics() if self.tapping.stats:
                    self._tell(Seen(said.stream, _seq_of(said), stats=said.stats))
                case Message() if not self.tapping.stats:
                    await self._frame(said)
                case Message() if said.format != "native" and said.stats is not None:
                    # These have no statistics of their own: they stand beside the pixels.
                    self._tell(Seen(said.stream, said.seq, stats=said.stats))
        except Refused as refused:
            reason = str(refused.reason)
            self._refused[reason] += 1
            if self._refused[reason] == 1:
                self._say(f"message not understood: {refused}")

    async def _frame(self, message: Message) -> None:
        stream = message.stream or message.origin.sender
        seen = Seen(stream, message.seq, stats=message.stats or {})
        if self.tapping.output is not None:
            self._unnumbered += 1
            number = self._unnumbered if message.seq is None else message.seq
            path = self.tapping.output / picture_name(stream, number)
            await self._thread.run(lambda: _write(message, path))
        elif not seen.stats:
            picture = await self._thread.run(message.read)
            seen = Seen(stream, message.seq, picture.size)
        self._tell(seen)

    def _tell(self, seen: Seen) -> None:
        self.frames += 1
        if seen.seq is not None:
            missing = self._gaps.seen(seen.stream, seen.seq)
            if missing:
                self._say(f"{missing} missing before {seen.stream} {seen.seq}")
        typer.echo(json_of(seen) if self.tapping.json else line_of(seen))

    def print_summary(self) -> None:
        """Say how many came, and how many did not."""
        missing, refused = self._gaps.missing, self._refused.total()
        not_understood = f", {refused} not understood" if refused else ""
        self._say(f"{self.frames} frames, {missing} missing{not_understood}")

    def _say(self, text: str) -> None:
        self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def picture_name(stream: str, number: int) -> str:
    """Return what the file of a frame is called: never a path, whatever the stream is."""
    return f"{sender_id(stream)}-{number:08}.png"


def _seq_of(said: Statistics) -> int | None:
    seq = said.stats.get("seq")
    return seq if type(seq) is int else None


def _make(folder: Path) -> None:
    try:
        make_folder(folder, parents=True)
    except OSError as error:
        raise sink_error(folder, error) from error


def _write(message: Message, path: Path) -> None:
    picture = message.read()
    store(path, encode_picture(picture.pixels, picture.extras, format="png"))
