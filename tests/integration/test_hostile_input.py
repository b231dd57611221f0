"""Whatever lies in a watched folder: each thing is done, or refused with a reason."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from io import StringIO
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from fakes import FakeLedger, FakeProcessor
from files import content, save
from srstream.build import CLOCK
from srstream.logs import configure_logs
from srstream.ports import StreamContext
from srstream.runtime.compute import Compute
from srstream.runtime.pipeline import Pipeline
from srstream.sinks import SINKS, DirectorySinkOptions
from srstream.sources import SOURCES
from srstream.sources.directory import DirectoryOptions
from srstream.sources.folder import Folder
from srstream.sources.matching import PICTURES, matcher

HOSTILE_NAMES = (
    b"new\nline.png",
    b"carriage\rreturn.png",
    b"bell\x07 and \x1b[2J escape.png",
    b"quote'\".png",
    b"back\\slash.png",
    b";touch executed;.png",
    b"$(touch executed).png",
    b"`touch executed`.png",
    b"| touch executed .png",
    b"-rf.png",
    b"--help.png",
    b"~.png",
    b"%s%n{0}.png",
    b"*.png",
    b" .png",
    b"two..png",
    b"CON.png",
    b"\xff\xfe not UTF-8 \x80.png",
    "\u202egnp.right to left.png".encode(),
    "e\u0301 and \u00e9.png".encode(),
    b"l" * 251 + b".png",
)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # where a command in a name would leave its trace
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as logs:
        yield logs


@asynccontextmanager
async def running(inbox: Path, **options: object) -> AsyncIterator[Pipeline]:
    """Run a stream from inbox to outbox while the block runs."""
    ledger = FakeLedger()
    context = StreamContext("demo", CLOCK, inbox.parent, ledger)
    of_folder = DirectoryOptions("inbox", settle=0.05, rescan=0.1, **options)  # type: ignore[arg-type]
    compute = Compute("compute")
    pipeline = Pipeline(
        "demo",
        source=SOURCES["directory"].make(of_folder, context),
        processor=FakeProcessor(),
        compute=compute,
        sinks=[SINKS["directory"].make(DirectorySinkOptions("outbox"), context)],
        ledger=ledger,
        clock=CLOCK,
        queue_bytes=1 << 20,
        log=structlog.get_logger(),
    )
    run = asyncio.create_task(pipeline.run())
    try:
        async with asyncio.timeout(30):
            yield pipeline
    finally:
        await pipeline.drain(10.0)
        await run
        assert compute.close(10.0)


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again for what nobody tells; whoever calls has a limit."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def reasons(logs: list[EventDict]) -> dict[str, str]:
    """Return why each source was skipped; each must be on one line, and said once."""
    skipped = [(log["source"], log["reason"]) for log in logs if "skipped" in log["event"]]
    assert len(dict(skipped)) == len(skipped)
    assert all(reason.isprintable() for _, reason in skipped)
    return dict(skipped)


def everything_but(folder: Path, *but: Path) -> dict[Path, tuple[int, int]]:
    """Return all there is, with size and time of change."""
    return {
        path: (status.st_size, status.st_mtime_ns if stat.S_ISREG(status.st_mode) else 0)
        for path in folder.rglob("*")
        if not any(path.is_relative_to(each) for each in but)
        for status in [path.lstat()]
    }


def results(inbox: Path) -> set[bytes]:
    return {os.fsencode(path.name) for path in (inbox.parent / "outbox").iterdir()}


async def test_every_name_is_taken_as_a_name_and_nothing_else(
    inbox: Path, logs: list[EventDict]
) -> None:
    png = content()
    for name in HOSTILE_NAMES:
        (inbox / os.fsdecode(name)).write_bytes(png)
    outbox = inbox.parent / "outbox"
    before = everything_but(inbox.parent, outbox)
    async with running(inbox) as pipeline:
        await until(lambda: pipeline.counters.finished == len(HOSTILE_NAMES))
    assert reasons(logs) == {}
    assert results(inbox) == set(HOSTILE_NAMES)
    assert everything_but(inbox.parent, outbox) == before


async def test_names_that_have_no_room_for_another_ending_are_refused(
    inbox: Path, logs: list[EventDict]
) -> None:
    """Two pictures of one name keep their endings, which makes the results' too long."""
    names = ["n" * 251 + ".png", "n" * 251 + ".jpg"]
    for name in names:
        save(inbox / name)
    save(inbox / "other.png")
    async with running(inbox) as pipeline:
        await until(lambda: pipeline.counters.finished == 3)
    assert b"other.png" in results(inbox)
    assert pipeline.counters.done + sum(pipeline.counters.failed.values()) == 3


@pytest.mark.parametrize("json", [True, False])
async def test_the_log_of_hostile_names_has_a_line_per_event(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, json: bool
) -> None:
    for name in HOSTILE_NAMES:
        (inbox / os.fsdecode(name)).write_bytes(b"no picture")
    told = StringIO()
    monkeypatch.setattr("sys.stderr", told)
    configure_logs(json=json, cache=False)
    async with running(inbox) as pipeline:
        await until(lambda: pipeline.counters.finished == len(HOSTILE_NAMES))
    lines = told.getvalue().splitlines()
    assert sum("frame skipped" in line for line in lines) == len(HOSTILE_NAMES)
    assert all(line.isprintable() for line in lines)


async def test_what_is_no_file_is_refused_without_a_touch(
    inbox: Path, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "folder.png").mkdir()
    os.mkfifo(inbox / "fifo.png")
    (inbox / "to-fifo.png").symlink_to("fifo.png")
    (inbox / "to-zero.png").symlink_to("/dev/zero")
    (inbox / "dangling.png").symlink_to("nowhere")
    (inbox / "loop.png").symlink_to("loop.png")
    (inbox / "to-folder.png").symlink_to("folder.png")
    expected = {
        "folder.png": "is a directory",
        "fifo.png": "is a FIFO",
        "to-fifo.png": "is a FIFO",
        "to-zero.png": "leads out of the folder",
        "dangling.png": "leads nowhere",
        "loop.png": "leads nowhere",
        "to-folder.png": "is a directory",
        "socket.png": "is a socket",
    }
    with suppress(PermissionError):
        os.mknod(inbox / "device.png", stat.S_IFCHR | 0o600, os.makedev(1, 5))
        expected["device.png"] = "is a device"
    save(inbox / "good.png")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(inbox)  # the path of a socket must be short
        listener.bind("socket.png")
        async with running(inbox) as pipeline:
            await until(lambda: pipeline.counters.finished == len(expected) + 1)
    found = reasons(logs)
    assert found.keys() == expected.keys()
    assert all(reason in found[name] for name, reason in expected.items())
    assert results(inbox) == {b"good.png"}


async def test_a_link_leads_out_of_the_folder_only_if_that_is_allowed(
    inbox: Path, logs: list[EventDict]
) -> None:
    save(inbox.parent / "secret.png")
    (inbox / "out.png").symlink_to("../secret.png")
    (inbox / "absolute.png").symlink_to(inbox.parent / "secret.png")
    save(inbox / "a.png")
    (inbox / "within.png").symlink_to("a.png")
    async with running(inbox) as pipeline:
        await until(lambda: pipeline.counters.finished == 4)
    assert reasons(logs).keys() == {"out.png", "absolute.png"}
    assert results(inbox) == {b"a.png", b"within.png"}
    async with running(inbox, links="anywhere") as pipeline:
        await until(lambda: pipeline.counters.done == 4)
    assert {b"out.png", b"absolute.png"} < results(inbox)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_waits_until_it_may(
    inbox: Path, logs: list[EventDict]
) -> None:
    save(inbox / "locked.png")
    (inbox / "locked.png").chmod(0)
    save(inbox / "good.png")
    async with running(inbox) as pipeline:
        await until(lambda: pipeline.counters.later > 0 and pipeline.counters.done == 1)
        (inbox / "locked.png").chmod(0o600)
        await until(lambda: pipeline.counters.done == 2)
    assert reasons(logs) == {}


async def test_a_file_that_grows_for_long_is_taken_when_it_is_whole(
    inbox: Path, logs: list[EventDict]
) -> None:
    png = content()
    async with running(inbox) as pipeline:
        with (inbox / "slow.png").open("wb") as file:
            for start in range(0, len(png), len(png) // 20):
                file.write(png[start : start + len(png) // 20])
                file.flush()
                await asyncio.sleep(0.03)
            assert pipeline.counters.finished == 0
        await until(lambda: pipeline.counters.done == 1)
    assert reasons(logs) == {}


async def test_half_a_file_is_refused_and_the_whole_one_taken(
    inbox: Path, logs: list[EventDict]
) -> None:
    png = content()
    async with running(inbox) as pipeline:
        (inbox / "a.png").write_bytes(png[: len(png) // 2])
        await until(lambda: pipeline.counters.finished == 1)
        assert "cut short" in reasons(logs)["a.png"]
        (inbox / "a.png").write_bytes(png)
        await until(lambda: pipeline.counters.done == 1)


async def test_in_folders_below_nothing_leads_out_either(
    inbox: Path, logs: list[EventDict]
) -> None:
    secret = inbox.parent / "secret"
    secret.mkdir()
    save(secret / "a.png")
    hostile = inbox / ";touch executed;\n$(x)"
    hostile.mkdir()
    save(hostile / "b.png")
    (hostile / "out").symlink_to(secret)
    (hostile / "out.png").symlink_to(secret / "a.png")
    (hostile / "round").symlink_to("..")
    (inbox / "folder.png").mkdir()
    save(inbox / "folder.png" / "c.png")
    outbox = inbox.parent / "outbox"
    before = everything_but(inbox.parent, outbox)
    async with running(inbox, recursive=True) as pipeline:
        await until(lambda: pipeline.counters.finished == 3)
    assert reasons(logs).keys() == {f"{hostile.name}/out.png"}
    assert {str(path.relative_to(outbox)) for path in outbox.rglob("*.png")} == {
        f"{hostile.name}/b.png",
        "folder.png",
        "folder.png/c.png",
    }
    assert everything_but(inbox.parent, outbox) == before


def test_a_folder_of_20_000_files_is_scanned_in_a_moment(inbox: Path) -> None:
    for number in range(20_000):
        os.close(os.open(inbox / f"{number}.png", os.O_CREAT | os.O_WRONLY))
    folder = Folder(inbox, matcher(PICTURES))
    before = CLOCK()
    found = folder.scan()
    assert len(found.looks) == 20_000
    assert CLOCK() - before < 5.0  # 0.2 s where nothing else runs
