from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from fakes import FakeLedger
from pictures import zone_plate
from srstream.errors import SinkError
from srstream.frames import (
    AdaptStats,
    Frame,
    FrameId,
    Outcome,
    Picture,
    Pixels,
    Upscaled,
)
from srstream.ports import Sink, StreamContext
from srstream.sinks import SINKS, directory
from srstream.sinks.directory import DirectorySink, DirectorySinkOptions


def upscaled(name: str = "a", *, pixels: Pixels | None = None) -> Upscaled:
    frame = Frame(FrameId("demo", 1, f"{name}.jpg", name), Picture(zone_plate(8, 10)))
    large = zone_plate(16, 20) if pixels is None else pixels
    stats = AdaptStats(Outcome.ADAPTED, 2, net="zssr", preset="light", device="cpu")
    return Upscaled(frame, large, stats)


def sink_on(folder: Path, **options: Any) -> DirectorySink:
    return DirectorySink(
        DirectorySinkOptions(**{"path": folder.name, **options}),
        StreamContext("demo", "run", lambda: 0.0, folder.parent, FakeLedger()),
    )


async def written(sink: Sink, *items: Upscaled) -> None:
    await sink.open()
    try:
        for item in items:
            await sink.write(item)
    finally:
        await sink.close()


def read(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image)


def test_it_is_in_the_table_of_sinks(tmp_path: Path) -> None:
    context = StreamContext("demo", "run", lambda: 0.0, tmp_path, FakeLedger())
    sink = SINKS["directory"].make(DirectorySinkOptions("outbox"), context)
    assert isinstance(sink, DirectorySink)
    assert not sink.reports


@pytest.mark.parametrize(
    "wrong",
    [{"path": ""}, {"quality": 0}, {"quality": 101}, {"compression": 10}],
)
def test_options_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DirectorySinkOptions(**{"path": "outbox", **wrong})


async def test_a_frame_is_written_under_its_name_without_loss(tmp_path: Path) -> None:
    await written(sink_on(tmp_path / "made" / "outbox"), upscaled("a.b"))
    (path,) = (tmp_path / "made" / "outbox").iterdir()
    assert path.name == "a.b.png"
    np.testing.assert_array_equal(read(path), zone_plate(16, 20))


async def test_a_jpg_is_close_to_the_frame(tmp_path: Path) -> None:
    flat = np.full((16, 20, 3), 90, np.uint8)
    sink = sink_on(tmp_path / "outbox", format="jpg", quality=90)
    await written(sink, upscaled(pixels=flat))
    np.testing.assert_allclose(read(tmp_path / "outbox" / "a.jpg"), flat, atol=2)


async def test_what_a_jpg_loses_is_said_once(tmp_path: Path) -> None:
    sink = sink_on(tmp_path / "outbox", format="jpg")
    deep = np.zeros((16, 20, 3), np.uint16)
    clear = np.zeros((16, 20, 4), np.uint16)
    with capture_logs() as logs:
        await written(sink, upscaled(), *(upscaled(pixels=p) for p in (deep, deep)))
        await written(sink_on(tmp_path / "outbox"), upscaled(pixels=clear))
    assert [log["lost"] for log in logs] == [["16-bit depth"]]


async def test_what_a_crash_left_unfinished_is_removed_at_the_start(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".dead-1.part"
    left.write_bytes(b"half")
    with capture_logs() as logs:
        await written(sink_on(tmp_path))
    assert not left.exists()
    assert [log["files"] for log in logs] == [1]


async def test_a_folder_that_went_missing_is_made_again(tmp_path: Path) -> None:
    sink = sink_on(tmp_path / "outbox")
    await sink.open()
    (tmp_path / "outbox").rmdir()
    await sink.write(upscaled())
    await sink.close()
    assert sink.path_of("a").is_file()


@pytest.mark.parametrize("path", ["file", "file/below"])
async def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    sink = sink_on(tmp_path / "x", path=path)
    with pytest.raises(SinkError, match=rf"{path}: .*`path`"):
        await written(sink)


async def test_a_picture_that_cannot_be_encoded_is_an_error_with_the_path(
    tmp_path: Path,
) -> None:
    sink = sink_on(tmp_path / "outbox", format="jpg")
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(SinkError, match=r"outbox/a\.jpg: .*70000"):
        await written(sink, upscaled(pixels=wide))
    assert list((tmp_path / "outbox").iterdir()) == []


async def test_encoding_leaves_the_event_loop_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def encode(*_: Any, **__: Any) -> bytes:
        threads.append(threading.current_thread().name)
        return b"x"

    monkeypatch.setattr(directory, "encode_picture", encode)
    await written(sink_on(tmp_path / "outbox"), upscaled("a"), upscaled("b"))
    assert threads == ["srstream-encode-demo_0"] * 2


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../a", "/etc/a", "a\0b", "a" * 252, "é" * 126, "\ud800"],
)
async def test_a_name_that_would_lead_elsewhere_or_nowhere_is_refused(
    tmp_path: Path, name: str
) -> None:
    sink = sink_on(tmp_path / "outbox")
    with pytest.raises(SinkError):
        await written(sink, upscaled(name))
    assert not sink.holds(name, 0)


@pytest.mark.parametrize("name", ["a" * 251, "-rf", "a b", "$(x)", "\udcff", "a\nb"])
async def test_any_other_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    sink = sink_on(tmp_path)
    await written(sink, upscaled(name))
    assert os.listdir(tmp_path) == [f"{name}.png"]  # noqa: PTH208 - names as they are


async def test_an_output_is_held_if_it_is_at_least_as_new_as_asked_for(
    tmp_path: Path,
) -> None:
    sink = sink_on(tmp_path)
    assert not sink.holds("a", 0)
    await written(sink, upscaled())
    changed = sink.path_of("a").stat().st_mtime_ns
    assert sink.holds("a", changed)
    assert not sink.holds("a", changed + 1)


def test_a_folder_by_the_name_of_an_output_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    assert not sink_on(tmp_path).holds("a", 0)
