from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from srstream.cli.checks.finding import Finding, Status
from srstream.cli.checks.folders import (
    check_folders,
    check_readable,
    check_space,
    check_writable,
)
from srstream.cli.checks.state import check_ledger, check_lock
from srstream.cli.checks.watching import check_events, check_inotify
from srstream.settings import Settings, from_tables
from srstream.stores.database import open_database
from srstream.stores.state_dir import StateDir


def settings(base: Path, **source: Any) -> Settings:
    stream = {
        "source": {"type": "directory", "path": "in", **source},
        "sinks": [
            {"type": "directory", "path": "out"},
            {"type": "stats", "path": "told/stats.jsonl"},
        ],
    }
    return from_tables({"streams": {"a": stream}}, base=base)


def statuses(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.status.value for finding in findings}


def test_folders_that_are_missing_are_made_at_the_start(tmp_path: Path) -> None:
    findings = list(check_folders(settings(tmp_path, after="move:done", failed="bad")))
    assert statuses(findings).keys() == {
        "read streams.a.source.path",
        "write streams.a.source.path",
        "write streams.a.source.after",
        "write streams.a.source.failed",
        "write streams.a.sinks[0].path",
        "write streams.a.sinks[1].path",
        "write daemon.state_dir",
        "space",
    }
    assert all(f.found.endswith("made at the start") for f in findings[:-1])
    assert not any(f.status is Status.FAIL for f in findings)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert check_writable("out", tmp_path).status is Status.OK
    assert check_readable("in", tmp_path).status is Status.OK
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("check", [check_readable, check_writable])
def test_a_file_is_no_folder(tmp_path: Path, check: Any) -> None:
    (tmp_path / "file").touch()
    assert check("x", tmp_path / "file").status is Status.FAIL
    assert check("x", tmp_path / "file" / "x").status is Status.FAIL


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_a_folder_of_others_is_told_with_its_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    finding = check_writable("streams.a.sinks[0].path", tmp_path)
    assert (finding.status, finding.found) == (
        Status.FAIL,
        f"{tmp_path}: Permission denied",
    )
    assert check_writable("x", tmp_path / "new").status is Status.FAIL
    assert "let the user" in finding.remedy


@pytest.mark.parametrize(
    ("free", "status", "told"),
    [
        (81_000_000_000, Status.OK, "81.0 GB free"),
        (999_999_999, Status.WARN, "1000 MB free"),
        (99_999_999, Status.FAIL, "100 MB free"),
    ],
)
def test_little_space_is_told(tmp_path: Path, free: int, status: Status, told: str) -> None:
    finding = check_space(tmp_path / "not" / "yet", lambda path: free)
    assert finding.status is status
    assert told in finding.found
    assert bool(finding.remedy) == (status is not Status.OK)


def test_room_for_all_watched_folders_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in" / "a" / "b").mkdir(parents=True)
    asked: list[int] = []
    for chosen in (None, settings(tmp_path), settings(tmp_path, recursive=True)):
        check_inotify(chosen, asked.append)
    assert asked == [1, 1, 3]


def test_no_room_is_asked_for_where_folders_are_polled(tmp_path: Path) -> None:
    finding = check_inotify(settings(tmp_path, watch="poll"), lambda watches: "full; x")
    assert finding.status is Status.OK


def test_want_of_room_is_told_with_the_limit_to_raise(tmp_path: Path) -> None:
    reason = "inotify: 8 of 8 watches are in use; raise them by `sysctl x`"
    finding = check_inotify(settings(tmp_path), lambda watches: reason)
    assert finding == Finding(
        "inotify",
        Status.WARN,
        "inotify: 8 of 8 watches are in use: they are polled",
        "raise them by `sysctl x`",
    )


def test_a_share_without_events_is_polled(tmp_path: Path) -> None:
    (finding,) = check_events(settings(tmp_path, rescan=2), lambda path: "nfs4")
    assert finding.status is Status.WARN
    assert "nfs4 sends no events" in finding.found
    assert "every 2 s" in finding.found


@pytest.mark.parametrize(
    ("watch", "kind", "told"),
    [("poll", "nfs4", "as is configured"), ("auto", None, "sends")],
)
def test_what_is_meant_so_is_well(
    tmp_path: Path, watch: str, kind: str | None, told: str
) -> None:
    (finding,) = check_events(settings(tmp_path, watch=watch), lambda path: kind)
    assert finding.status is Status.OK
    assert told in finding.found


def test_no_daemon_runs_with_a_folder_that_is_missing_or_free(tmp_path: Path) -> None:
    assert check_lock(tmp_path / "state").status is Status.OK
    StateDir.open(tmp_path / "state").close()
    assert check_lock(tmp_path / "state").status is Status.OK


def test_a_daemon_that_runs_is_told_with_its_process(tmp_path: Path) -> None:
    with StateDir.open(tmp_path):
        finding = check_lock(tmp_path)
    assert finding.status is Status.WARN
    assert finding.found == f"a daemon runs with {tmp_path}: process {os.getpid()}"


def test_a_look_at_the_lock_does_not_hold_it(tmp_path: Path) -> None:
    StateDir.open(tmp_path).close()
    check_lock(tmp_path)
    StateDir.open(tmp_path).close()


def test_there_may_be_no_ledger_yet(tmp_path: Path) -> None:
    assert check_ledger(tmp_path).status is Status.OK
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_is_read(tmp_path: Path) -> None:
    connection, _ = open_database(tmp_path / "ledger.db", now=0.0)
    finding = check_ledger(tmp_path)
    connection.close()
    assert finding.status is Status.OK
    assert finding.found.endswith("ledger.db: 0 done, 0 failed")


def test_what_is_no_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"something else, long enough to be a header" * 9)
    finding = check_ledger(tmp_path)
    assert finding.status is Status.FAIL
    assert str(tmp_path / "ledger.db") in finding.found
