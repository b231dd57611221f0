from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from fakes import FakeClock, FakeLedger, Gate
from pictures import zone_plate
from srstream.errors import SinkError, SinkUnavailable
from srstream.frames import (
    AdaptStats,
    Frame,
    FrameId,
    Outcome,
    Picture,
    Pixels,
    Upscaled,
)
from srstream.ledger import Output
from srstream.ports import Sink, StreamContext
from srstream.sinks import SINKS, directory
from srstream.sinks.directory import DirectorySink, DirectorySinkOptions


def upscaled(name: str = "a", *, pixels: Pixels | None = None) -> Upscaled:
    frame = Frame(FrameId("demo", 1, f"{name}.jpg", name), Picture(zone_plate(8, 10)))
    large = zone_plate(16, 20) if pixels is None else pixels
    stats = AdaptStats(Outcome.ADAPTED, 2, net="zssr", preset="light", device="cpu")
    return Upscaled(frame, large, stats)


def sink_on(
    folder: Path,
    *,
    ledger: FakeLedger | None = None,
    clock: FakeClock | None = None,
    **options: Any,
) -> DirectorySink:
    return DirectorySink(
        DirectorySinkOptions(**{"path": folder.name, **options}),
        StreamContext("demo", clock or FakeClock(), folder.parent, ledger or FakeLedger()),
    )


async def written(sink: Sink, *items: Upscaled) -> None:
    await sink.open()
    try:
        for item in items:
            await sink.write(item)
    finally:
        await sink.close()


async def written_without_opening(sink: Sink) -> None:
    try:
        await sink.write(upscaled())
    finally:
        await sink.close()


def read(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image)


def test_it_is_in_the_table_of_sinks(tmp_path: Path) -> None:
    context = StreamContext("demo", lambda: 0.0, tmp_path, FakeLedger())
    sink = SINKS["directory"].make(DirectorySinkOptions("outbox"), context)
    assert isinstance(sink, DirectorySink)
    assert not sink.reports
    assert sink.lasting


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": ""},
        {"quality": 0},
        {"quality": 101},
        {"compression": 10},
        {"keep": "7 weeks"},
        {"keep": 0},
        {"keep": " "},
    ],
)
def test_options_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))} is "):
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
    left = tmp_path / ".deadbeef-1.part"
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
    with pytest.raises(SinkUnavailable, match=rf"{path}: .*`path`"):
        await written(sink)
    with pytest.raises(SinkUnavailable, match=rf"{path}: .*`path`"):
        await written_without_opening(sink_on(tmp_path / "x", path=path))


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
    ["", ".", "..", "a//b", "../a", "/etc/a", "a\0b", "a" * 252, "é" * 126, "\ud800"],
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


async def test_an_output_below_a_link_that_leads_out_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b.png").write_bytes(b"x")
    sink = sink_on(tmp_path / "outbox")
    await sink.open()
    (tmp_path / "outbox" / "a").symlink_to(tmp_path / "outside")
    assert not sink.holds("a/b", 0)
    with pytest.raises(SinkError, match="leads out of"):
        await written(sink, upscaled("a/c"))
    assert len(list((tmp_path / "outside").iterdir())) == 1


async def test_parts_of_a_name_are_folders(tmp_path: Path) -> None:
    sink = sink_on(tmp_path)
    await written(sink, upscaled("a/b/c"), upscaled("a/d"))
    assert (tmp_path / "a" / "b" / "c.png").is_file()
    assert sink.holds("a/d", 0)
    assert not sink.holds("a/b", 0)


class Watching(FakeLedger):
    """Remembers which files there are when something is intended."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.outputs: list[Output] = []
        self.seen: list[list[str]] = []

    async def intend(self, frame: FrameId, output: Output) -> bool:
        self.outputs.append(output)
        self.seen.append(os.listdir(self.folder))  # noqa: PTH208 - names as they are
        return await super().intend(frame, output)


async def test_the_ledger_knows_of_an_output_before_any_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Watching(tmp_path)
    renamed: list[str] = []
    replace = os.replace

    def note(path: Any, to: Any) -> None:
        renamed.append(str(path))
        replace(path, to)

    monkeypatch.setattr(os, "replace", note)
    await written(sink_on(tmp_path, ledger=ledger), upscaled())
    (output,) = ledger.outputs
    assert ledger.seen == [[]]
    assert output.path == str(tmp_path / "a.png")
    assert [output.part] == renamed
    data = (tmp_path / "a.png").read_bytes()
    assert output.size == len(data)
    assert output.digest == hashlib.sha256(data).digest()


async def test_the_order_is_part_sync_rename_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        name = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115
        steps.append(f"sync {Path(name).suffix or 'folder'}")
        sync(handle)

    def note_rename(path: Any, to: Any) -> None:
        steps.append("rename")
        replace(path, to)

    sink = sink_on(tmp_path / "outbox")
    await sink.open()
    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    await sink.write(upscaled())
    await sink.close()
    assert steps == ["sync .part", "rename", "sync folder"]


async def test_what_stands_from_a_run_before_is_not_written_again(tmp_path: Path) -> None:
    ledger = FakeLedger()
    ledger.standing.add(str(tmp_path / "a.png"))
    (tmp_path / "a.png").write_bytes(b"as it was")
    await written(sink_on(tmp_path, ledger=ledger), upscaled(), upscaled("b"))
    assert (tmp_path / "a.png").read_bytes() == b"as it was"
    assert (tmp_path / "b.png").is_file()


async def test_a_full_disk_is_a_matter_of_time_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sink = sink_on(tmp_path / "outbox")
    await sink.open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SinkUnavailable, match=r"a\.png: .*No space left"):
            await sink.write(upscaled())
    assert list((tmp_path / "outbox").iterdir()) == []
    await sink.write(upscaled())
    await sink.close()
    assert (tmp_path / "outbox" / "a.png").is_file()


async def test_a_folder_whose_parent_is_gone_is_not_made_but_waited_for(
    tmp_path: Path,
) -> None:
    share = tmp_path / "share"
    ledger = FakeLedger()
    sink = sink_on(tmp_path / "x", path="share/outbox", ledger=ledger)
    await sink.open()
    (share / "outbox").rmdir()
    share.rmdir()
    with pytest.raises(SinkUnavailable, match=r"share/outbox: .*No such file"):
        await sink.write(upscaled())
    assert not share.exists()
    assert ledger.names_of("intend") == []
    share.mkdir()
    await sink.write(upscaled())
    await sink.close()
    assert (share / "outbox" / "a.png").is_file()


async def test_a_folder_in_the_place_of_an_output_is_an_error_for_good(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(SinkError, match=r"a\.png: .*[Dd]irectory") as raised:
        await written(sink_on(tmp_path), upscaled())
    assert not isinstance(raised.value, SinkUnavailable)


async def test_too_little_memory_fails_the_frame_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*_: Any, **__: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr(directory, "encode_picture", encode)
    with pytest.raises(SinkError, match=r"a\.png: not enough memory .* 20x16") as raised:
        await written(sink_on(tmp_path), upscaled())
    assert not isinstance(raised.value, SinkUnavailable)


async def test_only_so_many_results_are_kept(tmp_path: Path) -> None:
    ledger, clock = FakeLedger(), FakeClock()
    sink = sink_on(tmp_path / "outbox", keep=2, ledger=ledger, clock=clock)
    await sink.open()
    (tmp_path / "outbox" / "theirs.png").write_bytes(b"x")
    for name in ("d", "c/b", "c/a"):
        await sink.write(upscaled(name))
        clock.advance(10)
    await sink.close()
    left = {str(p.relative_to(sink._folder)) for p in sink._folder.rglob("*.png")}
    assert left == {"theirs.png", "c/b.png", "c/a.png"}


async def test_a_result_is_known_as_kept_before_it_is_there(tmp_path: Path) -> None:
    ledger = FakeLedger()
    await written(sink_on(tmp_path, keep="1GB", ledger=ledger), upscaled())
    size = (tmp_path / "a.png").stat().st_size
    assert [call[0] for call in ledger.calls] == ["wrote", "intend"]
    files, path = (str(tmp_path / name) for name in ("*.png", "a.png"))
    assert ledger.calls[0] == ("wrote", files, path, size)


async def test_without_a_limit_nothing_is_noted(tmp_path: Path) -> None:
    ledger = FakeLedger()
    await written(sink_on(tmp_path, ledger=ledger), upscaled())
    assert ledger.names_of("wrote", "dropped") == []


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("steps", range(4))
async def test_killed_at_any_step_nothing_half_done_has_a_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Before the sync of the part, the rename, the sync of the folder, or after all."""
    left = steps

    def dying(real: Any) -> Any:
        def call(*args: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return real(*args)

        return call

    whole = sink_on(tmp_path / "whole")
    await written(whole, upscaled())
    sink = sink_on(tmp_path / "outbox")
    await sink.open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dying(os.fsync))
        patch.setattr(os, "replace", dying(os.replace))
        (result,) = await asyncio.gather(sink.write(upscaled()), return_exceptions=True)
    assert isinstance(result, Killed) == (steps < 3)
    names = [path.name for path in (tmp_path / "outbox").glob("[!.]*")]
    assert names == (["a.png"] if steps >= 2 else [])
    for name in names:
        data = (tmp_path / "outbox" / name).read_bytes()
        assert data == whole.path_of("a").read_bytes()
    await written(sink_on(tmp_path / "outbox"), upscaled())
    assert [path.name for path in (tmp_path / "outbox").iterdir()] == ["a.png"]


async def test_a_write_that_nobody_waits_for_any_more_is_over_when_the_sink_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), Gate()

    def hang(source: Path, target: Path) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait()
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr(os, "replace", hang)
    sink = sink_on(tmp_path / "out")
    await sink.open()
    writing = asyncio.create_task(sink.write(upscaled()))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    closing = asyncio.create_task(sink.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.open()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
