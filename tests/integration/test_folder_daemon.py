"""The parts of the daemon on real folders, in this process, where they can be held up."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from commands import lines_of
from fakes import FakeLedger, FakeProcessor, Gate
from files import save
from pictures import edges
from srstream.build import CLOCK, Builder, StreamSpec, specs
from srstream.computes import Computes
from srstream.exits import Exit
from srstream.ports import StreamContext
from srstream.runtime.compute import Compute
from srstream.runtime.counters import Counters
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.supervisor import Supervisor
from srstream.settings import from_tables
from srstream.sinks import SINKS, DirectorySinkOptions
from srstream.sources import SOURCES
from srstream.sources.directory import DirectoryOptions
from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir

Running = Callable[..., AbstractAsyncContextManager[Counters]]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def running(inbox: Path) -> Running:
    """Run a small stream from inbox to outbox while the block runs."""

    @asynccontextmanager
    async def running(**stream: Any) -> AsyncIterator[Counters]:
        tables = {
            "device": "cpu",
            "source": {"type": "directory", "path": "inbox", "settle": 0.05, "rescan": 0.1},
            "sinks": [
                {"type": "directory", "path": "outbox"},
                {"type": "stats", "path": "stats.jsonl"},
            ],
            "preset": "light",
            "precision": "float32",
            "net": {"width": 4, "depth": 2},
            "adapt": {"steps": 1, "crop": 16},
            **stream,
        }
        settings = from_tables({"streams": {"demo": tables}}, base=inbox.parent)
        computes, made = Computes(), []
        with StateDir.open(inbox.parent / "state") as state_dir:
            ledger = Ledger.open(state_dir.ledger)
            builder = Builder(computes, ledger, state_dir, run="test")

            async def make(name: str, spec: StreamSpec) -> Pipeline:
                made.append((await builder.stream(name, spec)).pipeline)
                return made[-1]

            supervisor: Supervisor[StreamSpec] = Supervisor(
                make, clock=CLOCK, log=structlog.get_logger(), grace=20.0
            )
            try:
                async with asyncio.timeout(30):
                    await supervisor.apply(specs(settings))
                    yield made[0].counters
            finally:
                await supervisor.stop(20.0)
                assert await ledger.close()
                assert computes.close(10.0)
        assert supervisor.status is Exit.DONE

    return running


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again for what nobody tells; whoever calls has a limit."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def heard(logs: list[EventDict], event: str) -> list[EventDict]:
    return [log for log in logs if log["event"] == event]


async def test_while_results_cannot_be_written_frames_wait_and_none_is_lost(
    running: Running, inbox: Path, logs: list[EventDict]
) -> None:
    outbox = inbox.parent / "outbox"
    outbox.write_text("in the way")
    save(inbox / "a.png")
    async with running() as counters:
        await until(lambda: counters.stalled_since is not None)
        save(inbox / "b.png")
    assert counters.finished == 0
    (error,) = heard(logs, "output cannot be written: the stream waits")
    assert str(outbox) in error["reason"]

    async with running() as counters:  # the next start waits for it as well
        await until(lambda: counters.stalled_since is not None)
        outbox.unlink()
        await until(lambda: counters.done == 2)
    assert {path.name for path in outbox.iterdir()} == {"a.png", "b.png"}


async def test_an_outbox_that_is_removed_is_made_again(
    running: Running, inbox: Path
) -> None:
    outbox = inbox.parent / "made" / "outbox"
    sinks = [{"type": "directory", "path": "made/outbox"}]
    async with running(sinks=sinks) as counters:
        save(inbox / "a.png")
        await until(lambda: counters.done == 1)
        shutil.rmtree(outbox)
        save(inbox / "b.png")
        await until(lambda: counters.done == 2)
    assert [path.name for path in outbox.iterdir()] == ["b.png"]


async def test_an_outbox_whose_share_is_gone_is_waited_for_and_not_made_anew(
    running: Running, inbox: Path
) -> None:
    share = inbox.parent / "share"
    sinks = [{"type": "directory", "path": "share/outbox"}]
    async with running(sinks=sinks) as counters:
        save(inbox / "a.png")
        await until(lambda: counters.done == 1)
        share.rename(inbox.parent / "away")
        save(inbox / "b.png")
        await until(lambda: counters.stalled_since is not None)
        assert not share.exists()
        (inbox.parent / "away").rename(share)
        await until(lambda: counters.done == 2)
    assert {path.name for path in (share / "outbox").iterdir()} == {"a.png", "b.png"}


async def test_an_outbox_that_turns_into_a_file_is_waited_for_and_left_alone(
    running: Running, inbox: Path, logs: list[EventDict]
) -> None:
    outbox = inbox.parent / "outbox"
    async with running() as counters:
        save(inbox / "a.png")
        await until(lambda: counters.done == 1)
        shutil.rmtree(outbox)
        outbox.write_text("in the way")
        save(inbox / "b.png")
        await until(lambda: counters.stalled_since is not None)
    assert heard(logs, "output cannot be written: the stream waits")
    assert outbox.read_text() == "in the way"


async def test_an_inbox_that_is_gone_for_a_while_is_watched_again(
    running: Running, inbox: Path, logs: list[EventDict]
) -> None:
    async with running() as counters:
        save(inbox / "a.png")
        await until(lambda: counters.done == 1)
        shutil.move(inbox, inbox.parent / "elsewhere")
        await until(lambda: bool(heard(logs, "watched folder cannot be read")))
        shutil.move(inbox.parent / "elsewhere", inbox)
        save(inbox / "b.png")
        await until(lambda: counters.done == 2)


async def test_a_second_format_is_written_beside_the_first(
    running: Running, inbox: Path
) -> None:
    sinks = [
        {"type": "directory", "path": "outbox", "format": "png"},
        {"type": "directory", "path": "outbox", "format": "jpg"},
    ]
    async with running(sinks=sinks) as counters:
        save(inbox / "a.png")
        await until(lambda: counters.done == 1)
    names = {path.name for path in (inbox.parent / "outbox").iterdir()}
    assert names == {"a.png", "a.jpg"}


async def test_only_names_of_the_pattern_are_taken_and_none_with_a_leading_dot(
    running: Running, inbox: Path
) -> None:
    for name in ("a.jpg", ".b.png", "c.png.part"):
        shutil.copy(_picture(inbox.parent), inbox / name)
    source = {"type": "directory", "path": "inbox", "settle": 0.05, "pattern": ["*.png"]}
    async with running(source=source) as counters:
        save(inbox / "z.PNG", format="PNG")
        await until(lambda: counters.done == 1)
    assert [line["source"] for line in lines_of(inbox.parent / "stats.jsonl")] == ["z.PNG"]


def _picture(folder: Path) -> Path:
    save(folder / "picture.png")
    return folder / "picture.png"


async def test_a_file_that_is_deleted_while_it_waits_is_named_and_the_next_one_done(
    inbox: Path, logs: list[EventDict]
) -> None:
    for number in range(1, 6):
        save(inbox / f"f{number}.png", edges(200, 200, shift=number))
    ledger = FakeLedger()
    context = StreamContext("demo", CLOCK, inbox.parent, ledger)
    hold, processor = Gate(), FakeProcessor()
    processor.hold = hold
    compute = Compute("compute", slice_seconds=0.01)
    pipeline = Pipeline(
        "demo",
        source=SOURCES["directory"].make(DirectoryOptions("inbox", settle=0.05), context),
        processor=processor,
        compute=compute,
        sinks=[SINKS["directory"].make(DirectorySinkOptions("outbox"), context)],
        ledger=ledger,
        clock=CLOCK,
        queue_bytes=1,  # one frame in hand, one waiting, one waiting to wait
        log=structlog.get_logger(),
    )
    run = asyncio.create_task(pipeline.run())
    async with asyncio.timeout(30):
        await processor.tally.reached("advance")
        (inbox / "f4.png").unlink()
        hold.open()
        await until(lambda: pipeline.counters.done == 4)
        await pipeline.drain(10.0)
        await run
    assert compute.close(10.0)
    (gone,) = heard(logs, "source is gone: it is taken up if it comes back")
    assert gone["source"] == "f4.png"
    assert "f4.png vanished before it could be read" in gone["reason"]
    assert ledger.names_of("failed") == []
    names = {path.name for path in (inbox.parent / "outbox").iterdir()}
    assert names == {"f1.png", "f2.png", "f3.png", "f5.png"}


async def test_a_source_that_is_busy_is_tried_again_until_it_can_be_read(
    running: Running, inbox: Path, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srstream.sources.backoff.FIRST", 0.01)
    refused, opening = [], os.open

    def busy(path: str | Path, *rest: int, **options: int) -> int:
        if Path(path).name == "a.png" and len(refused) < 3 and len(rest) == 1:
            refused.append(path)
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return opening(path, *rest, **options)

    monkeypatch.setattr("srstream.media.files.os.open", busy)
    async with running() as counters:
        save(inbox / "a.png")
        save(inbox / "b.png")
        await until(lambda: counters.done == 2)
    assert len(refused) == 3
    assert counters.later > 0
    assert not counters.failed
    assert heard(logs, "source cannot be read now; it is tried again for ever")
