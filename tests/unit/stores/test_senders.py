from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledgers import Disk, frame
from srstream.stores.checkpoints import FileCheckpoints
from srstream.stores.ledger import Ledger
from srstream.stores.senders import SenderStates
from srstream.stores.state_dir import StateDir


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[StateDir]:
    with StateDir.open(tmp_path / "state") as state_dir:
        yield state_dir


def states(state_dir: StateDir, ledger: Ledger) -> SenderStates:
    return SenderStates("demo", "demo.", state_dir, ledger, keep=2)


async def leave(state_dir: StateDir, ledger: Ledger, name: str, *, at: int) -> None:
    """Let a stream of this name end with frame `at`, and at this time."""
    await ledger.stream(name).seq_at_least(at)
    FileCheckpoints(state_dir.stream(name)).save(at, b"state")
    os.utime(state_dir.stream(name), (at, at))


def folders(state_dir: StateDir) -> set[str]:
    return {folder.name for folder in state_dir.stream("x").parent.iterdir()}


async def test_the_senders_saved_last_are_kept_and_so_are_those_that_have_a_stream(
    disk: Disk, state_dir: StateDir
) -> None:
    ledger = disk.open()
    for at, name in enumerate(("living", "old", "older", "last", "later"), start=10):
        await leave(state_dir, ledger, f"demo.{name}", at=at)
    await leave(state_dir, ledger, "demonstration", at=1)
    await states(state_dir, ledger).tidy(lambda: {"demo.living"})
    kept = {"demo.living", "demo.last", "demo.later"}
    assert folders(state_dir) == {*kept, "demonstration"}
    assert await ledger.names_below("demo.") == kept
    assert ledger.stream("demonstration").last_seq == 1


async def test_numbers_of_forgotten_senders_are_not_used_again(
    disk: Disk, state_dir: StateDir
) -> None:
    ledger = disk.open()
    for at in (7, 5, 9, 8):
        await leave(state_dir, ledger, f"demo.cam{at}", at=at)
    feed = states(state_dir, ledger)
    await feed.tidy(list)
    await feed.begin("demo.cam7")
    await feed.begin("demo.cam9")
    assert ledger.stream("demo.cam7").last_seq == 7
    assert ledger.stream("demo.cam9").last_seq == 9
    disk.copy()
    again = disk.open()
    assert again.stream("demo").last_seq == 7
    assert again.stream("demo.cam5").last_seq == 0


async def test_nothing_is_left_of_a_sender_that_is_forgotten(
    disk: Disk, state_dir: StateDir
) -> None:
    ledger = disk.open()
    stream = ledger.stream("demo.cam1")
    await stream.told_up_to("stats.jsonl")
    stream.publishing(frame(1), None, outputs=1, line="{}")
    await stream.done(frame(1), line="{}")
    await ledger.forget(["demo.cam1"], into="demo")
    assert ledger.stream("demo.cam1") is not stream
    assert await ledger.stream("demo.cam1").lines(0, 10) == []
    assert await ledger.names_below("demo.") == set()


async def test_whose_files_are_counted_is_known_until_they_are_deleted(
    disk: Disk, state_dir: StateDir
) -> None:
    ledger = disk.open()
    for at in (1, 2, 3, 4):
        await leave(state_dir, ledger, f"demo.cam{at}", at=at)
    ledger.stream("demo.cam1").wrote("out/cam1", "00000001.png", 100)
    await states(state_dir, ledger).tidy(list)
    assert folders(state_dir) == {"demo.cam3", "demo.cam4"}
    assert ledger.stream("demo.cam1").last_seq == 1


async def test_there_may_be_no_states_at_all(disk: Disk, state_dir: StateDir) -> None:
    ledger = disk.open()
    feed = states(state_dir, ledger)
    await feed.tidy(list)
    await feed.begin("demo.cam1")
    assert ledger.stream("demo.cam1").last_seq == 0


async def test_a_sender_heard_again_waits_until_the_old_ones_are_forgotten(
    disk: Disk, state_dir: StateDir
) -> None:
    ledger = disk.open()
    for at in (5, 6, 7):
        await leave(state_dir, ledger, f"demo.cam{at}", at=at)
    feed = states(state_dir, ledger)
    tidying = asyncio.create_task(feed.tidy(list))
    await asyncio.sleep(0)
    await feed.begin("demo.cam5")
    assert tidying.done()
    assert ledger.stream("demo.cam5").last_seq == 5
    assert await ledger.names_below("demo.cam5") == {"demo.cam5"}
