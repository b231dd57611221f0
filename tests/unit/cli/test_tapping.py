from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from pictures import edges
from sockets import local
from srstream.cli import app, tapping
from srstream.cli.tapping import Tapping, picture_name
from srstream.frames import Origin
from srstream.transport.channel import opened
from srstream.wire.outgoing import (
    Part,
    Payload,
    Published,
    imagezmq_message,
    native_message,
    native_statistics,
    topic,
)

PIXELS = edges(20, 24)
Messages = Callable[[int], Sequence[Sequence[Part]]]


def said(seq: int, stream: str = "pipe") -> Published:
    stats = {"v": 1, "stream": stream, "seq": seq, "outcome": "adapted"}
    stats["out_size"] = [24, 20]
    return Published(stream, seq, origin=Origin(sender="cam1"), stats=stats)


def native(seq: int, stream: str = "pipe") -> Sequence[Sequence[Part]]:
    frame = native_message(PIXELS, said(seq, stream), Payload())
    statistics = native_statistics(said(seq, stream))
    return [
        [topic(stream, "frame"), *frame],
        [topic(stream, "stats"), *statistics],
    ]


def imagezmq(seq: int) -> Sequence[Sequence[Part]]:
    return [imagezmq_message(PIXELS, said(seq), Payload())]


def camera(seq: int) -> Sequence[Sequence[Part]]:
    del seq
    bgr = np.ascontiguousarray(PIXELS[..., ::-1])
    header = {"msg": "cam1", "dtype": "uint8", "shape": bgr.shape}
    return [[json.dumps(header).encode(), bgr.tobytes()]]


async def tapped(
    folder: Path, messages: Messages, *, count: int = 3, **changed: Any
) -> str:
    """Tap a publisher that never ends; return what is said on stderr."""
    where = f"ipc://{folder}/s"
    options: dict[str, Any] = {
        "output": None,
        "stats": False,
        "streams": (),
        "json": False,
        **changed,
    }
    wanted = Tapping(link=local(where, connects=True), count=count, **options)
    console = Console(file=StringIO(), width=200)
    async with opened(
        "pub", local(where), hold=1000, max_bytes=10**6, log=structlog.get_logger()
    ) as channel:
        tap = tapping._Tap(wanted, console)
        following = asyncio.create_task(tap.run())
        for seq in itertools.count(1):
            for message in messages(seq):
                await channel.send(message, within=0)
            done, _ = await asyncio.wait({following}, timeout=0.005)
            if done:
                break
        following.result()
    assert tap.frames == count
    tap.print_summary()
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("messages", [native, imagezmq])
async def test_each_frame_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], messages: Messages
) -> None:
    assert await tapped(tmp_path, messages) == "3 frames, 0 missing\n"
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[2:4] for line in lines] == [["24x20", "adapted"]] * 3
    first = int(lines[0][1])
    assert [int(line[1]) for line in lines] == [first, first + 1, first + 2]
    assert {line[0] for line in lines} == {"pipe"}


@pytest.mark.parametrize("messages", [native, imagezmq])
async def test_statistics_alone_are_whole_lines_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], messages: Messages
) -> None:
    await tapped(tmp_path, messages, stats=True, json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert line == dict(said(line["seq"]).stats or {})


@pytest.mark.parametrize("stats", [False, True])
async def test_of_many_streams_one_may_be_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stats: bool
) -> None:
    def two(seq: int) -> Sequence[Sequence[Part]]:
        return [*native(seq, "a"), *native(seq, "b")]

    await tapped(tmp_path, two, streams=("b",), stats=stats)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"b"}


async def test_pictures_are_written_under_stream_and_number(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    await tapped(tmp_path, native, output=out)
    names = sorted(path.name for path in out.iterdir())
    assert len(names) == 3
    first = int(names[0].removeprefix("pipe-").removesuffix(".png"))
    assert names == [f"pipe-{first + number:08}.png" for number in range(3)]
    with Image.open(out / names[0]) as picture:
        np.testing.assert_array_equal(picture, PIXELS)


async def test_an_unmodified_camera_can_be_tapped_and_its_frames_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await tapped(tmp_path, camera, output=tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"cam1-{number:08}.png" for number in (1, 2, 3)]
    with Image.open(tmp_path / "out" / names[0]) as picture:
        np.testing.assert_array_equal(picture, PIXELS)
    capsys.readouterr()
    await tapped(tmp_path, camera)
    assert capsys.readouterr().out.splitlines()[0].split()[:3] == ["cam1", "-", "24x20"]


async def test_numbers_that_are_missing_are_told_and_counted(tmp_path: Path) -> None:
    told = await tapped(tmp_path, lambda seq: native(3 * seq))
    assert told.count("2 missing before pipe") == 2
    assert told.endswith("3 frames, 4 missing\n")


async def test_what_is_not_understood_is_told_once_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    told = await tapped(tmp_path, lambda seq: [[b"\x1b[2J not json"], *native(seq)])
    assert told.count("message not understood: header is not JSON") == 1
    assert "\x1b" not in told
    assert " not understood" in told.splitlines()[-1]


async def test_silence_at_the_beginning_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tapping, "SILENCE", 0.05)
    told = await tapped(tmp_path, lambda seq: native(seq) if seq > 30 else [])
    assert told.count(f"waiting for frames from ipc://{tmp_path}/s") == 1


@pytest.mark.parametrize(
    "stream", ["..", "../../etc/x", "/abs", "a\0b", "", ".", "é" * 300]
)
def test_the_name_of_a_picture_is_never_a_path(stream: str) -> None:
    name = picture_name(stream, 7)
    assert name.endswith("-00000007.png")
    assert Path(name).name == name
    assert not name.startswith(".")
    assert name.isascii()
    assert name.isprintable()
    assert len(name) < 100


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    ran = CliRunner().invoke(app, ["tap", "tcp://127.0.0.1:5556", "-o", "file/out"])
    assert ran.exit_code == 1
    assert "srstream: file/out: cannot be written: Not a directory" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["5556"], "ENDPOINT: found wrong: '5556' is no endpoint"),
        (["tcp://127.0.0.1:*"], "has a * and can be bound only"),
        (["tcp://127.0.0.1:5556", "--stats", "-o", "out"], "--stats brings no pixels"),
        (["tcp://127.0.0.1:5556", "--curve-key", "own"], "--curve-server: found empty"),
        (["tcp://127.0.0.1:5556", "--count", "0"], "greater than or equal to 1"),
    ],
)
def test_wrong_usage_is_said(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    ran = CliRunner().invoke(app, ["tap", *arguments])
    assert ran.exit_code == 2
    assert reason in ran.stderr
