from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import FakeLedger, FakeProcessor, frame
from srstream.errors import SinkError, SinkUnavailable
from srstream.frames import Upscaled
from srstream.ledger import Line
from srstream.ports import StreamContext
from srstream.sinks import SINKS
from srstream.sinks.stats import StatsOptions, StatsSink

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def upscaled() -> Upscaled:
    processor = FakeProcessor()
    processor.begin(frame())
    return processor.finish()


def line(seq: int, *, time: datetime = NOON, stream: str = "demo") -> str:
    fields = {"v": 1, "stream": stream, "seq": seq, "time": time.isoformat()}
    return json.dumps(fields, separators=(",", ":"))


LENGTH = len(line(1)) + 1


class Told(FakeLedger):
    """Forgets lines once they are told, and lets a test wait until something is."""

    def __init__(self, *seqs: int) -> None:
        super().__init__()
        self.heard = asyncio.Event()
        self.say(*seqs)

    def say(self, *seqs: int, **fields: Any) -> None:
        for seq in seqs:
            self.said[seq] = line(seq, **fields)
            self.last_seq = max(self.last_seq, seq)

    def told(self, follower: str, seq: int) -> None:
        super().told(follower, seq)
        for told in [each for each in self.said if each <= seq]:
            del self.said[told]
        self.heard.set()


class Stats:
    """A sink on a file, and what a pipeline does with it."""

    def __init__(
        self,
        path: Path,
        ledger: FakeLedger | None = None,
        *,
        now: Callable[[], datetime] = lambda: NOON,
        sync_every: float = 3600.0,
        **options: Any,
    ) -> None:
        self.path = path
        self.ledger = ledger or Told()
        self.sink = StatsSink(
            StatsOptions(path.name, **options),
            StreamContext("demo", lambda: 0.0, path.parent, self.ledger),
            now=now,
            sync_every=sync_every,
        )

    async def write(self, *seqs: int, **fields: Any) -> None:
        for seq in seqs:
            assert isinstance(self.ledger, Told)
            self.ledger.say(seq, **fields)
            await self.sink.write(upscaled())

    async def run(self, *seqs: int) -> None:
        await self.sink.open()
        await self.write(*seqs)
        await self.sink.close()

    @property
    def told(self) -> list[object]:
        return [call[2] for call in self.ledger.names_of("told")]


def seqs_of(path: Path) -> list[int]:
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(each)["seq"] for each in text.splitlines()]


def everywhere(folder: Path) -> list[int]:
    """The numbers in all files, the oldest file first."""
    files = sorted(folder.iterdir(), key=lambda path: path.name, reverse=True)
    return [seq for path in files for seq in seqs_of(path)]


def test_it_is_in_the_table_and_reports(tmp_path: Path) -> None:
    context = StreamContext("demo", lambda: 0.0, tmp_path, FakeLedger())
    sink = SINKS["stats"].make(StatsOptions("stats.jsonl"), context)
    assert isinstance(sink, StatsSink)
    assert sink.reports
    assert not sink.lasting


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": ""},
        {"rotate_size": "many"},
        {"rotate_size": "1d"},
        {"rotate_age": "1GB"},
        {"rotated": 0},
        {"rotated": 1001},
    ],
)
def test_options_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))} is "):
        StatsOptions(**{"path": "stats.jsonl", **wrong})


async def test_a_line_is_in_the_file_when_its_frame_is_reported(tmp_path: Path) -> None:
    stats = Stats(tmp_path / "made" / "stats.jsonl")
    await stats.sink.open()
    for seq in (1, 2):
        await stats.write(seq)
        assert stats.path.read_text().endswith(line(seq) + "\n")
    await stats.sink.close()
    assert seqs_of(stats.path) == [1, 2]


async def test_what_the_ledger_has_and_the_file_has_not_is_appended_at_the_start(
    tmp_path: Path,
) -> None:
    stats = Stats(tmp_path / "stats.jsonl", Told(1, 2, 4))
    await stats.sink.open()
    assert seqs_of(stats.path) == [1, 2, 4]
    await stats.sink.close()


async def test_lines_of_earlier_runs_stay(tmp_path: Path) -> None:
    ledger = Told()
    for seq in (1, 2):
        await Stats(tmp_path / "stats.jsonl", ledger).run(seq)
    assert seqs_of(tmp_path / "stats.jsonl") == [1, 2]


async def test_the_ledger_is_told_only_of_what_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = Stats(tmp_path / "stats.jsonl")
    await stats.sink.open()
    synced: list[int] = []
    sync = os.fsync

    def note(handle: int) -> None:
        synced.extend(seqs_of(stats.path))
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    await stats.write(1, 2)
    assert stats.told == []
    await stats.sink.close()
    assert synced[:2] == [1, 2]
    assert stats.told == [2]


async def test_lines_are_synced_after_a_while_though_none_follows(tmp_path: Path) -> None:
    ledger = Told()
    stats = Stats(tmp_path / "stats.jsonl", ledger, sync_every=0.001)
    await stats.sink.open()
    for seq in (1, 2):
        ledger.heard.clear()
        await stats.write(seq)
        async with asyncio.timeout(10):
            await ledger.heard.wait()
    assert stats.told == [1, 2]
    await stats.sink.close()


async def test_what_a_killed_run_wrote_but_did_not_tell_is_not_written_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text(f"{line(1)}\n{line(2)}\n")
    stats = Stats(path, Told(1, 2, 3))
    await stats.run()
    assert seqs_of(path) == [1, 2, 3]
    assert stats.told == [2, 3]


async def test_what_was_told_is_not_written_again_though_the_file_is_gone(
    tmp_path: Path,
) -> None:
    ledger = FakeLedger()
    ledger.said = {1: line(1), 2: line(2)}
    ledger.last_seq = 2
    stats = Stats(tmp_path / "stats.jsonl", ledger)
    ledger.marks[str(stats.path)] = 1
    await stats.run()
    assert seqs_of(stats.path) == [2]


@pytest.mark.parametrize("torn", [b'{"v":1,"se', b"{" + b"x" * 10_000, b"\0" * 5000])
async def test_a_line_that_a_crash_tore_is_cut_and_written_again(
    tmp_path: Path, torn: bytes
) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_bytes(f"{line(1)}\n".encode() + torn)
    with capture_logs() as logs:
        await Stats(path, Told(1, 2)).run()
    assert [log["bytes"] for log in logs] == [len(torn)]
    assert seqs_of(path) == [1, 2]


async def test_after_a_lost_state_folder_numbers_go_on_above_those_in_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text(f"{line(1)}\n{line(40)}\n")
    stats = Stats(path)
    await stats.run()
    assert stats.ledger.last_seq == 40
    await Stats(path, stats.ledger).run(41)
    assert seqs_of(path) == [1, 40, 41]


async def test_the_numbers_of_another_stream_are_none_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text(f"{line(40, stream='before')}\n")
    stats = Stats(path, Told(1))
    await stats.run()
    assert seqs_of(path) == [40, 1]
    assert stats.ledger.last_seq == 1


async def test_an_append_that_failed_halfway_is_mended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = Stats(tmp_path / "stats.jsonl")
    await stats.sink.open()
    await stats.write(1)
    write = os.write

    def full_disk(handle: int, data: Any) -> int:
        write(handle, data[: LENGTH + 10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    stats.ledger.said[2] = line(2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_disk)
        with pytest.raises(SinkUnavailable, match=r"stats\.jsonl: .*No space left"):
            await stats.write(3)
    await stats.write(4)
    await stats.sink.close()
    assert seqs_of(stats.path) == [1, 2, 3, 4]
    assert stats.told[-1] == 4


async def test_a_short_write_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    await Stats(tmp_path / "stats.jsonl", Told(1, 2)).run(3)
    assert seqs_of(tmp_path / "stats.jsonl") == [1, 2, 3]


async def test_lines_whose_sync_failed_are_looked_for_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = Stats(tmp_path / "stats.jsonl")
    await stats.sink.open()
    await stats.write(1, 2)

    def lossy(_: int) -> None:  # as a network file system that finds the disk full
        stats.path.write_text(line(1) + "\n")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lossy)
        with pytest.raises(SinkUnavailable):
            await stats.sink._sync()
    assert stats.told == []
    await stats.write(3)
    await stats.sink.close()
    assert seqs_of(stats.path) == [1, 2, 3]


async def test_a_sync_that_fails_in_between_is_told_and_mended_by_the_next_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Told()
    stats = Stats(tmp_path / "stats.jsonl", ledger, sync_every=0.001)
    await stats.sink.open()
    failed, loop, sync = asyncio.Event(), asyncio.get_running_loop(), os.fsync

    def fail_once(handle: int) -> None:
        if not failed.is_set():
            loop.call_soon_threadsafe(failed.set)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fail_once)
    with capture_logs() as logs:
        await stats.write(1)
        async with asyncio.timeout(10):
            await failed.wait()
        await stats.write(2)
        await stats.sink.close()
    assert [log["event"] for log in logs] == ["statistics cannot be synced"]
    assert seqs_of(stats.path) == [1, 2]
    assert stats.told[-1] == 2


@pytest.mark.parametrize("new_name", ["old", "stats.jsonl-20260102"])
async def test_a_file_that_is_moved_away_is_synced_and_begun_anew(
    tmp_path: Path, new_name: str
) -> None:
    stats = Stats(tmp_path / "stats.jsonl")
    await stats.sink.open()
    await stats.write(1, 2)
    stats.path.rename(tmp_path / new_name)
    await stats.write(3)
    assert stats.told == [2]
    await stats.sink.close()
    assert seqs_of(tmp_path / new_name) == [1, 2]
    assert seqs_of(stats.path) == [3]


async def test_a_file_that_is_deleted_with_its_folder_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    stats = Stats(tmp_path / "out" / "stats.jsonl")
    await stats.sink.open()
    await stats.write(1)
    (tmp_path / "out").rename(tmp_path / "old")
    await stats.write(2)
    await stats.sink.close()
    assert seqs_of(tmp_path / "old" / "stats.jsonl") == [1]
    assert seqs_of(stats.path) == [2]


async def test_a_file_whose_folders_parent_is_gone_is_waited_for(tmp_path: Path) -> None:
    share = tmp_path / "share"
    stats = Stats(share / "out" / "stats.jsonl")
    await stats.sink.open()
    stats.path.unlink()
    stats.path.parent.rmdir()
    share.rmdir()
    with pytest.raises(SinkUnavailable):
        await stats.write(1)
    assert not share.exists()
    share.mkdir()
    await stats.write(2)
    await stats.sink.close()
    assert seqs_of(stats.path) == [1, 2]


async def test_a_file_that_was_moved_away_before_a_kill_is_found_by_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "stats.jsonl-20260101").write_text(f"{line(1)}\n")
    (tmp_path / "stats.jsonl-20260102").write_text(f"{line(2)}\n")
    (tmp_path / "stats.jsonl").touch()
    stats = Stats(tmp_path / "stats.jsonl", Told(2, 3))
    await stats.run()
    assert seqs_of(stats.path) == [3]


async def test_the_file_is_set_aside_before_it_grows_too_large(tmp_path: Path) -> None:
    stats = Stats(tmp_path / "stats.jsonl", rotate_size=f"{2 * LENGTH}B", rotated=2)
    await stats.run(1, 2, 3, 4, 5, 6, 7)
    assert seqs_of(stats.path) == [7]
    assert seqs_of(tmp_path / "stats.jsonl.1") == [5, 6]
    assert seqs_of(tmp_path / "stats.jsonl.2") == [3, 4]
    assert len(os.listdir(tmp_path)) == 3  # noqa: PTH208


async def test_many_lines_at_once_are_spread_over_files_too(tmp_path: Path) -> None:
    size = f"{3 * LENGTH}B"
    stats = Stats(tmp_path / "stats.jsonl", Told(1, 2, 3, 4, 5, 6, 7), rotate_size=size)
    await stats.run()
    assert everywhere(tmp_path) != []
    assert seqs_of(tmp_path / "stats.jsonl.2") == [1, 2, 3]
    assert seqs_of(tmp_path / "stats.jsonl.1") == [4, 5, 6]
    assert seqs_of(stats.path) == [7]


async def test_a_line_that_is_longer_than_a_file_may_be_has_one_of_its_own(
    tmp_path: Path,
) -> None:
    await Stats(tmp_path / "stats.jsonl", rotate_size="10B").run(1, 2)
    assert everywhere(tmp_path) == [1, 2]


async def test_the_file_is_set_aside_when_its_first_line_is_old(tmp_path: Path) -> None:
    now = NOON
    stats = Stats(tmp_path / "stats.jsonl", now=lambda: now, rotate_age="1d")
    await stats.sink.open()
    await stats.write(1, time=now)
    now += timedelta(hours=23)
    await stats.write(2, time=now)
    now += timedelta(hours=1)
    await stats.write(3, time=now)
    await stats.sink.close()
    assert seqs_of(tmp_path / "stats.jsonl.1") == [1, 2]
    again = Stats(stats.path, stats.ledger, now=lambda: now, rotate_age="1d")
    now += timedelta(hours=24)
    await again.run(4)
    assert seqs_of(tmp_path / "stats.jsonl.1") == [3]
    assert seqs_of(stats.path) == [4]


async def test_without_limits_the_file_is_never_set_aside(tmp_path: Path) -> None:
    long_ago = Stats(tmp_path / "stats.jsonl", rotate_size="")
    await long_ago.run(*range(1, 20))
    assert os.listdir(tmp_path) == ["stats.jsonl"]  # noqa: PTH208


async def test_a_file_that_cannot_be_set_aside_grows_on_and_that_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "replace", refuse)
    stats = Stats(tmp_path / "stats.jsonl", rotate_size="10B")
    with capture_logs() as logs:
        await stats.run(1, 2, 3)
    assert seqs_of(stats.path) == [1, 2, 3]
    assert [log["event"] for log in logs] == ["statistics cannot be rotated"]


async def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = tmp_path / "stats.jsonl"
    path.symlink_to("real/log.jsonl")
    await Stats(path, rotate_size="10B").run(1, 2)
    assert path.is_symlink()
    assert seqs_of(tmp_path / "real" / "log.jsonl") == [2]
    assert seqs_of(tmp_path / "real" / "log.jsonl.1") == [1]


async def test_what_is_no_regular_file_is_written_to_and_never_set_aside(
    tmp_path: Path,
) -> None:
    reader, writer = os.pipe()
    try:
        path = tmp_path / "stats.jsonl"
        path.symlink_to(f"/proc/self/fd/{writer}")
        await Stats(path, rotate_size="10B").run(1, 2)
        assert os.read(reader, 10_000).decode() == f"{line(1)}\n{line(2)}\n"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(
    ("name", "kind"), [("folder", SinkError), ("file/stats.jsonl", SinkUnavailable)]
)
async def test_a_path_that_cannot_be_a_file_is_an_error_that_names_it(
    tmp_path: Path, name: str, kind: type[SinkError]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    stats = Stats(tmp_path / name)
    with pytest.raises(SinkError, match=f"{name}: cannot be written") as raised:
        await stats.sink.open()
    assert type(raised.value) is kind
    await stats.sink.close()


async def test_a_file_that_could_not_be_opened_at_first_catches_up_later(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").write_bytes(b"")
    stats = Stats(tmp_path / "out" / "stats.jsonl")
    with pytest.raises(SinkUnavailable):
        await stats.sink.open()
    with pytest.raises(SinkUnavailable):
        await stats.write(1)
    (tmp_path / "out").unlink()
    await stats.write(2)
    await stats.sink.close()
    assert seqs_of(stats.path) == [1, 2]


async def test_a_file_that_is_something_else_is_neither_cut_nor_added_to(
    tmp_path: Path,
) -> None:
    path = tmp_path / "thesis.txt"
    path.write_bytes(b"all of my work without a newline")
    stats = Stats(path)
    with pytest.raises(SinkError, match="something else than statistics"):
        await stats.sink.open()
    with pytest.raises(SinkError, match="something else than statistics"):
        await stats.write(1)
    await stats.sink.close()
    assert path.read_bytes() == b"all of my work without a newline"
    assert stats.told == []


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """Lets so many calls to the disk happen; the last append is cut in half."""

    def __init__(self, patch: pytest.MonkeyPatch, calls: int) -> None:
        self.left = calls
        for name in ("fsync", "replace", "write", "open"):
            patch.setattr(os, name, self._dying(name, getattr(os, name)))

    def _dying(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                if self.left == -1 and name == "write":
                    real(args[0], args[1][: LENGTH + 20])
                raise Killed
            return real(*args, **kwargs)

        return call


class Durable(Told):
    """What is told is known to the disk only with the next call that is awaited."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[tuple[str, int]] = []

    def told(self, follower: str, seq: int) -> None:
        self.pending.append((follower, seq))

    async def lines(self, after: int, limit: int) -> list[Line]:
        for follower, seq in self.pending:
            super().told(follower, seq)
        self.pending.clear()
        return await super().lines(after, limit)


async def test_killed_anywhere_each_line_is_there_once_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starts, appends of one and of two lines, syncs and rotations, killed at each call."""
    calls, survived = 0, False
    while not survived:
        folder = tmp_path / str(calls)
        folder.mkdir()
        ledger = Durable()
        options: dict[str, Any] = {"rotate_size": f"{3 * LENGTH}B", "rotated": 9}
        await Stats(folder / "stats.jsonl", ledger, **options).run(1, 2)
        dying = Stats(folder / "stats.jsonl", ledger, **options)
        with monkeypatch.context() as patch:
            death = Dying(patch, calls)
            try:
                await dying.sink.open()
                for seq in (3, 5, 7, 9):
                    ledger.say(seq)
                    await dying.write(seq + 1)
                    if seq == 5:
                        await dying.sink._sync()
                await dying.sink._sync()
            except Killed:
                pass
            survived = death.left >= 0
            death.left = 0
            if dying.sink._syncing is not None:
                dying.sink._syncing.cancel()
            await dying.sink._thread.drained()
            dying.sink._thread.close()
            dying.sink._file._let_go()
        ledger.pending.clear()
        last = ledger.last_seq
        await Stats(folder / "stats.jsonl", ledger, **options).run(last + 1)
        assert everywhere(folder) == list(range(1, last + 2)), f"killed at call {calls}"
        calls += 1
    assert calls > 20
