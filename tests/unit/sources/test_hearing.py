from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from srstream.sources import hearing
from srstream.sources.folder import Folder
from srstream.sources.hearing import (
    Hearing,
    Mode,
    seconds_between_polls,
    seconds_between_rescans,
)
from srstream.sources.matching import PICTURES, matcher
from srstream.sources.watch import FolderWatch


class FakeWatch(FolderWatch):
    """Refuses as often as it is told to."""

    def __init__(self, folder: Path, *errors: OSError) -> None:
        super().__init__(folder, closed=print, moved=print)
        self.calls: list[str] = []
        self._errors = list(errors)

    def ensure(self) -> None:
        self.calls.append("ensure")
        if self._errors:
            raise self._errors.pop(0)

    def close(self) -> None:
        self.calls.append("close")


def hearing_of(watch: FakeWatch, folder: Path, mode: Mode = "auto") -> Hearing:
    pictures = Folder(folder, matcher(PICTURES))
    return Hearing(pictures, watch, mode, structlog.get_logger())


def limit() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(autouse=True)
def _local_with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "file_system_without_events", lambda _: None)
    monkeypatch.setattr(hearing, "room_for", lambda _: None)


def test_where_there_are_events_it_listens_and_says_nothing(tmp_path: Path) -> None:
    watch = FakeWatch(tmp_path)
    heard = hearing_of(watch, tmp_path)
    with capture_logs() as logs:
        heard.ensure()
    assert not heard.polls
    assert watch.calls == ["ensure"]
    assert not logs


@pytest.mark.parametrize(
    ("function", "answer", "reason"),
    [
        ("file_system_without_events", "nfs4", "nfs4"),
        ("room_for", "128 of 128 used", "128 of 128"),
    ],
)
def test_where_there_are_none_it_polls_and_says_so_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    answer: str,
    reason: str,
) -> None:
    monkeypatch.setattr(hearing, function, lambda _: answer)
    watch = FakeWatch(tmp_path)
    heard = hearing_of(watch, tmp_path)
    with capture_logs() as logs:
        heard.ensure()
        heard.ensure()
    assert heard.polls
    assert "ensure" not in watch.calls
    (warning,) = logs
    assert reason in warning["reason"]
    assert warning["remedy"]


def test_when_a_limit_is_reached_it_polls_from_then_on(tmp_path: Path) -> None:
    watch = FakeWatch(tmp_path, limit())
    heard = hearing_of(watch, tmp_path)
    with capture_logs() as logs:
        for _ in range(3):
            heard.ensure()
    assert heard.polls
    assert watch.calls == ["ensure", "close"]
    assert len(logs) == 1


def test_by_option_it_insists_on_events_and_warns_until_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "file_system_without_events", lambda _: "nfs4")
    watch = FakeWatch(tmp_path, limit(), limit())
    heard = hearing_of(watch, tmp_path, "events")
    with capture_logs() as logs:
        for _ in range(3):
            heard.ensure()
    assert not heard.polls
    assert watch.calls == ["ensure"] * 3
    assert len(logs) == 1


def test_by_option_it_polls_without_a_word(tmp_path: Path) -> None:
    watch = FakeWatch(tmp_path)
    heard = hearing_of(watch, tmp_path, "poll")
    with capture_logs() as logs:
        heard.ensure()
    assert heard.polls
    assert watch.calls == []
    assert not logs


def test_a_folder_that_is_not_there_says_nothing_about_events(tmp_path: Path) -> None:
    watch = FakeWatch(tmp_path, FileNotFoundError(errno.ENOENT, "gone"))
    heard = hearing_of(watch, tmp_path)
    with capture_logs() as logs:
        heard.ensure()
        heard.ensure()
    assert not heard.polls
    assert watch.calls == ["ensure", "ensure"]
    assert not logs


@pytest.mark.parametrize(
    ("scan_took", "expected"), [(0.0, 0.5), (0.1, 1.0), (0.3, 3.0), (9.0, 5.0)]
)
def test_polling_takes_a_tenth_of_the_time_within_its_bounds(
    scan_took: float, expected: float
) -> None:
    every = seconds_between_polls(settle=0.5, rescan=5.0, scan_took=scan_took)
    assert every == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scan_took", "expected"), [(0.0, 5.0), (0.2, 5.0), (0.6, 12.0), (10.0, 30.0)]
)
def test_where_events_tell_the_most_long_looks_are_rare_but_never_too_rare(
    scan_took: float, expected: float
) -> None:
    every = seconds_between_rescans(rescan=5.0, scan_took=scan_took)
    assert every == pytest.approx(expected)


def test_the_rescan_bounds_polling_also_when_files_settle_slowly() -> None:
    assert seconds_between_polls(settle=9.0, rescan=5.0, scan_took=0.0) == 5.0
