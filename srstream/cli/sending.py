"""What `srstream send` does: read pictures, and hand them over at a rate."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from srstream.cli.pacing import Pace
from srstream.cli.posting import Pattern, Post
from srstream.cli.sent import Sent
from srstream.errors import FrameError
from srstream.exits import Exit
from srstream.frames import Origin
from srstream.media.decode import read_picture
from srstream.media.printable import printable
from srstream.ownthread import OwnThread
from srstream.runtime.signals import Signals
from srstream.sources import expand
from srstream.sources.files import MAX_PIXELS
from srstream.transport.link import Link
from srstream.wire.outgoing import (
    Part,
    Payload,
    Published,
    imagezmq_message,
    native_message,
    nbytes_of,
)


@dataclass(frozen=True, slots=True)
class Sending:
    """The command's arguments."""

    pictures: tuple[Path, ...]
    link: Link
    pattern: Pattern
    format: Literal["native", "imagezmq"]
    name: str
    """Who the sender is."""
    fps: float | None
    """None: as fast as they are taken."""
    loop: bool
    timeout: float | None
    """Seconds; none: for ever."""
    json: bool


def run_sending(sending: Sending) -> Exit:
    """Send the pictures; return the exit status.

    `DONE`: all of them. `FAILED`: some could not be read, or were refused. `INTERRUPTED`:
    stopped by a signal.

    Raises:
        ConfigError: there are no such pictures.
        LinkError: the socket cannot be opened, or nobody answers.
    """
    files = expand(sending.pictures)
    console = Console(stderr=True)
    sent = Sent()
    try:
        stopped = asyncio.run(_run(sending, files, sent, console))
    finally:
        if sent.seconds:
            sent.print_to(console)
            if sending.json:
                typer.echo(json.dumps(sent.as_dict(), allow_nan=False))
    if stopped:
        return Exit.INTERRUPTED
    return Exit.DONE if sent.is_whole else Exit.FAILED


async def _run(
    sending: Sending, files: Sequence[Path], sent: Sent, console: Console
) -> bool:
    """Send until all is sent, or until a signal; tell whether one came."""
    async with Signals(lambda number: os._exit(128 + number), reload=False) as signals:
        stop = asyncio.create_task(signals.wait_for_stop())
        send = asyncio.create_task(_send(sending, files, sent, console))
        await asyncio.wait({stop, send}, return_when=asyncio.FIRST_COMPLETED)
        stopped = not send.done()
        stop.cancel()
        send.cancel()
        with suppress(asyncio.CancelledError):
            await send
        return stopped


async def _send(
    sending: Sending, files: Sequence[Path], sent: Sent, console: Console
) -> None:
    with _progress(console) as progress:
        tell = partial(_say, progress.console)
        task = progress.add_task("", total=None if sending.loop else len(files))
        post = Post(sending.pattern, sending.link, limit=sending.timeout, tell=tell)
        messages = _Messages(sending, files, sent, tell)
        try:
            await post.open()
            await _hand_over(messages, Pace(sending.fps), post, sent, progress, task)
        finally:
            messages.close()
            await post.close()


async def _hand_over(
    messages: _Messages,
    pace: Pace,
    post: Post,
    sent: Sent,
    progress: Progress,
    task: TaskID,
) -> None:
    """Send one message after the other; the next is read while one is sent."""
    started = time.monotonic()
    coming = asyncio.create_task(messages.next())
    try:
        while (message := await coming) is not None:
            coming = asyncio.create_task(messages.next())
            await asyncio.sleep(pace.wait(time.monotonic()))
            reply = await post.deliver(message.parts)
            reason = sent.add(sum(map(nbytes_of, message.parts)), reply)
            sent.seconds = time.monotonic() - started
            if reason is not None:
                _say(progress.console, f"{message.name} refused: {reason}")
            told = f"{sent.frames / sent.seconds:.1f} per second  {message.name}"
            progress.update(task, completed=sent.frames, description=told)
    finally:
        sent.seconds = time.monotonic() - started
        coming.cancel()
        await asyncio.wait({coming})


@dataclass(frozen=True, slots=True)
class _Message:
    name: str
    """Of the picture, for messages."""
    parts: list[Part]


class _Messages:
    """Reads the pictures in order, once or again and again, and makes messages of them."""

    def __init__(
        self,
        sending: Sending,
        files: Sequence[Path],
        sent: Sent,
        tell: Callable[[str], None],
    ) -> None:
        self._sending = sending
        self._round = list(files)
        self._at = 0
        self._seq = 0
        self._sent = sent
        self._tell = tell
        self._thread = OwnThread("srstream-read")

    async def next(self) -> _Message | None:
        """Return the next; none: that was the last.

        A picture that cannot be read is named, and from then on left out.
        """
        while self._round:
            if self._at == len(self._round):
                if not self._sending.loop:
                    return None
                self._at = 0
            path = self._round[self._at]
            try:
                parts = await self._thread.run(partial(self._read, path, self._seq + 1))
            except FrameError as error:
                self._tell(str(error))
                self._sent.unreadable.append(str(path))
                del self._round[self._at]
                continue
            self._at += 1
            self._seq += 1
            return _Message(printable(path.name), parts)
        return None

    def close(self) -> None:
        """Read no more."""
        self._thread.close()

    def _read(self, path: Path, seq: int) -> list[Part]:
        pixels = read_picture(path, max_pixels=MAX_PIXELS).pixels
        name = self._sending.name
        said = Published(stream=name, seq=seq, origin=Origin(sender=name, seq=seq))
        make = native_message if self._sending.format == "native" else imagezmq_message
        return make(pixels, said, Payload())


def _progress(console: Console) -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(max_width=50, no_wrap=True, overflow="ellipsis"),
        ),
        console=console,
        disable=not console.is_terminal,
    )


def _say(console: Console, text: str) -> None:
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
