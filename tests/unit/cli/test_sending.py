from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from rich.console import Console
from typer.testing import CliRunner

from fakes import Tally
from files import save
from pictures import edges
from sockets import local
from srstream.cli import app, sending
from srstream.cli.sending import Sending
from srstream.cli.sent import Sent
from srstream.sources import expand
from srstream.transport.channel import Channel, opened
from srstream.wire.incoming import read_message
from srstream.wire.message import Message

NAMES = ("f1.png", "f2.png", "f10.png")


class Hub:
    """Answers senders, and keeps what they sent."""

    def __init__(self, endpoint: str, channel: Channel) -> None:
        self.endpoint = endpoint
        self.messages: list[Message] = []
        self.reply = b"OK"
        self.tally = Tally()
        self._channel = channel

    async def serve(self) -> None:
        while True:
            received = await self._channel.receive()
            said = read_message(received.parts, max_pixels=10**6)
            assert isinstance(said, Message)
            self.messages.append(said)
            self.tally.add("message")
            await self._channel.reply(received, [self.reply])


@asynccontextmanager
async def hub_at(endpoint: str) -> AsyncIterator[Hub]:
    async with opened(
        "router", local(endpoint), hold=10, max_bytes=10**6, log=structlog.get_logger()
    ) as channel:
        hub = Hub(endpoint, channel)
        serving = asyncio.create_task(hub.serve())
        try:
            yield hub
        finally:
            serving.cancel()
            await asyncio.wait({serving})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number, name in enumerate(reversed(NAMES)):
        save(tmp_path / "in" / name, edges(20 + number, 24))
    return tmp_path / "in"


@asynccontextmanager
async def hub_in(folder: Path) -> AsyncIterator[Hub]:
    async with hub_at(f"ipc://{folder.parent}/s") as hub:
        yield hub


async def send(hub: Hub, *pictures: Path, **changed: Any) -> tuple[Sent, str]:
    """Send pictures; return the count and what was told."""
    options: dict[str, Any] = {
        "pattern": "req",
        "format": "native",
        "name": "cam1",
        "fps": None,
        "loop": False,
        "timeout": 20.0,
        "json": False,
        **changed,
    }
    link = local(hub.endpoint, connects=True)
    wanted = Sending(pictures=pictures, link=link, **options)
    sent, console = Sent(), Console(file=StringIO(), width=200)
    await sending._send(wanted, expand(pictures), sent, console)
    assert isinstance(console.file, StringIO)
    return sent, console.file.getvalue()


@pytest.mark.parametrize("form", ["native", "imagezmq"])
async def test_the_pictures_of_a_folder_arrive_in_natural_order_bit_by_bit(
    folder: Path, form: str
) -> None:
    async with hub_in(folder) as hub:
        sent, _ = await send(hub, folder, format=form)
    assert sent.frames == 3
    assert sent.nbytes == sum(message.nbytes for message in hub.messages)
    assert sent.seconds > 0
    heights = (22, 21, 20)  # of f1, f2 and f10, which were written the other way round
    for height, message in zip(heights, hub.messages, strict=True):
        np.testing.assert_array_equal(message.read().pixels, edges(height, 24))
        assert message.format == form
        assert message.origin.sender == "cam1"


async def test_frames_are_numbered_from_one(folder: Path) -> None:
    async with hub_in(folder) as hub:
        await send(hub, folder)
    assert [message.seq for message in hub.messages] == [1, 2, 3]
    assert {message.stream for message in hub.messages} == {"cam1"}


async def test_a_picture_that_cannot_be_read_is_named_once_and_left_out(
    folder: Path,
) -> None:
    (folder / "f3.png").write_text("no picture")
    async with hub_in(folder) as hub:
        sent, told = await send(hub, folder)
    assert [message.seq for message in hub.messages] == [1, 2, 3]
    assert sent.unreadable == [str(folder / "f3.png")]
    assert told.count("f3.png is not a picture") == 1


async def test_a_loop_begins_anew_and_ends_where_there_is_nothing_to_read(
    folder: Path,
) -> None:
    async with hub_in(folder) as hub:
        endless = asyncio.create_task(send(hub, folder, loop=True))
        await hub.tally.reached("message", 7)
        endless.cancel()
        await asyncio.wait({endless})
        assert [message.seq for message in hub.messages[:7]] == list(range(1, 8))
        for name in NAMES:
            (folder / name).write_text("no picture")
        sent, _ = await send(hub, folder, loop=True)
    assert len(sent.unreadable) == 3


async def test_frames_that_are_refused_are_counted_and_the_reason_is_told(
    folder: Path,
) -> None:
    async with hub_in(folder) as hub:
        hub.reply = b"refused: too many senders"
        sent, told = await send(hub, folder)
    assert sent.refused == {"too many senders": 3}
    assert told == "f1.png refused: too many senders\n"


async def test_a_rate_is_kept(folder: Path) -> None:
    async with hub_in(folder) as hub:
        sent, _ = await send(hub, folder, fps=20.0)
    assert sent.seconds >= 0.1


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["in", "--to", "5555"], 2, "--to: found wrong: '5555' is no endpoint"),
        (["no", "--to", "tcp://127.0.0.1:5555"], 2, "no: no such file or folder"),
        (["in", "--to", "tcp://*:5555", "--bind"], 2, "--insecure: found false; tcp://*"),
        (["in"], 2, "Missing option '--to'"),
        (
            ["in", "--to", "tcp://127.0.0.1:9", "--timeout", "0.05"],
            1,
            "tcp://127.0.0.1:9: no answer within 0.05 s; is a receiver running there?",
        ),
    ],
)
def test_what_cannot_be_sent_is_said(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    reason: str,
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("COLUMNS", "120")
    ran = CliRunner().invoke(app, ["send", *arguments])
    assert ran.exit_code == status
    assert reason in ran.stderr
    assert "Traceback" not in ran.output
