from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from ledgers import SIGNATURE, Disk, Heard
from srstream.errors import StateDirError
from srstream.stores.database import mark_malformed
from srstream.stores.ledger import Ledger


def files(disk: Disk) -> list[str]:
    return sorted(path.name for path in disk.folder.iterdir())


async def test_a_ledger_is_new_once(disk: Disk) -> None:
    first = disk.open()
    assert first.is_new
    await first.close()
    assert not disk.open().is_new
    assert (disk.path.stat().st_mode & 0o777) == 0o600


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\0" * 5_000])
async def test_what_is_no_database_is_set_aside(
    disk: Disk, heard: Heard, content: bytes
) -> None:
    disk.path.write_bytes(content)
    ledger = disk.open()
    assert ledger.is_new
    # 1,000,000 seconds after 1970 began
    assert (
        disk.path.with_name("ledger.db.rejected-19700112T134640Z").read_bytes() == content
    )
    (event,) = heard.events
    assert event["event"] == "ledger rejected: beginning a new one"
    await ledger.stream("demo").adopt([("a.png", "a", SIGNATURE)])


async def test_each_that_is_set_aside_gets_a_name_of_its_own(
    disk: Disk, heard: Heard
) -> None:
    for _ in range(3):
        disk.path.write_bytes(b"not a database" * 100)
        await disk.open().close()
    assert [name for name in files(disk) if "rejected" in name] == [
        "ledger.db.rejected-19700112T134640Z",
        "ledger.db.rejected-19700112T134640Z-2",
        "ledger.db.rejected-19700112T134640Z-3",
    ]


async def test_the_database_of_another_program_is_set_aside(
    disk: Disk, heard: Heard
) -> None:
    foreign = sqlite3.connect(disk.path)
    foreign.execute("CREATE TABLE bookmarks (url)")
    foreign.commit()
    foreign.close()
    assert disk.open().is_new
    assert "something else" in heard.events[0]["reason"]


async def test_a_newer_format_is_left_alone(disk: Disk) -> None:
    await disk.open().close()
    connection = sqlite3.connect(disk.path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StateDirError, match=r"format 9.*knows up to 1.*newer srstream"):
        disk.open()
    assert files(disk) == ["ledger.db"]


async def test_what_breaks_at_run_time_is_set_aside_at_the_next_start(
    disk: Disk, heard: Heard
) -> None:
    ledger = disk.open()
    names = [f"{n}.png" for n in range(2_000)]
    await ledger.stream("demo").adopt([(name, name, SIGNATURE) for name in names])
    await ledger.close()
    with disk.path.open("r+b") as file:  # all but the first pages, which name the tables
        file.seek(20 * 4096)
        file.write(b"\xa5" * (disk.path.stat().st_size - 20 * 4096))

    ledger = disk.open()
    with pytest.raises(StateDirError, match=r"ledger\.db: the ledger is broken"):
        await ledger.stream("demo").entries(names)
    with pytest.raises(StateDirError, match="the ledger is broken"):
        await ledger.stream("demo").failed("a.png", "a reason")
    assert not await ledger.close()

    again = disk.open()
    assert again.is_new
    assert [event["event"] for event in heard.events] == [
        "ledger is broken",
        "ledger rejected: beginning a new one",
    ]
    await again.close()
    assert not disk.open().is_new


async def test_a_marked_ledger_is_set_aside_with_what_belongs_to_it(
    disk: Disk, heard: Heard
) -> None:
    stream = disk.stream()
    await stream.adopt([("a.png", "a", SIGNATURE)])
    disk.copy()
    mark_malformed(disk.path, "torn")
    stream = disk.stream()
    assert stream.is_new
    assert await stream.entries(["a.png"]) == {}
    assert heard.events[0]["reason"] == "torn"
    names = {path.name for path in disk.path.parent.iterdir()}
    rejected = "ledger.db.rejected-19700112T134640Z"
    assert {rejected, f"{rejected}-wal"} <= names
    assert not any("malformed" in name for name in names)


async def test_a_folder_that_is_not_there_keeps_its_errno(tmp_path: Path) -> None:
    with pytest.raises(StateDirError, match="cannot be opened") as caught:
        Ledger.open(tmp_path / "none" / "ledger.db")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_keeps_its_errno(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateDirError) as caught:
        Ledger.open(tmp_path / "ledger.db")
    assert caught.value.errno == errno.EACCES


async def test_a_start_that_died_early_is_made_good(disk: Disk) -> None:
    disk.path.touch()
    assert disk.open().is_new
