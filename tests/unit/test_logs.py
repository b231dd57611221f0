from __future__ import annotations

import io
import json
import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from srstream.logs import configure_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Unwritable(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.fixture(autouse=True)
def warnings_are_as_before() -> Iterator[None]:
    yield
    logging.captureWarnings(capture=False)


Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return lambda: parsed(capsys.readouterr().err)


def parsed(text: str) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_an_event_is_one_json_object_on_one_line(lines: Lines) -> None:
    configure_logs(cache=False)
    structlog.get_logger().info("stream started", stream="demo", text="two\nlines")
    (line,) = lines()
    when = datetime.fromisoformat(line.pop("timestamp"))
    assert when.tzinfo == UTC
    assert line == {
        "event": "stream started",
        "level": "info",
        "stream": "demo",
        "text": "two\nlines",
    }


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("caf\udce9", "caf\\udce9"),
        (Path("/in/caf\udce9.png"), "/in/caf\\udce9.png"),
        (Unprintable(), "<Unprintable>"),
        ({(1, 2): {3}}, {"(1, 2)": [3]}),
        (b"\xff", "b'\\xff'"),
        (None, None),
        ([1, 2.5, True, "é"], [1, 2.5, True, "é"]),
        ("\x1b[1m\x85\x9b\u2028\U000e0001.png", "\x1b[1m\x85\x9b\u2028\U000e0001.png"),
    ],
)
def test_an_odd_value_is_logged_as_strict_json(
    lines: Lines, value: object, logged: object
) -> None:
    configure_logs(cache=False)
    structlog.get_logger().info("event", value=value)
    assert lines()[0]["value"] == logged


def test_a_value_that_holds_itself_is_logged(lines: Lines) -> None:
    circle: list[object] = []
    circle.append(circle)
    configure_logs(cache=False)
    structlog.get_logger().info("event", value=circle)
    assert lines()[0]["event"] == "event"


def test_a_traceback_stays_on_its_line(lines: Lines) -> None:
    configure_logs(cache=False)
    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("stream failed")
    (line,) = lines()
    assert line["level"] == "error"
    assert line["exception"].endswith("base 10: 'broken'")


def test_bound_context_is_on_every_line(lines: Lines) -> None:
    configure_logs(cache=False)
    with structlog.contextvars.bound_contextvars(stream="demo", frame="a.png"):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = lines()
    assert (inside["stream"], inside["frame"]) == ("demo", "a.png")
    assert "stream" not in outside


def test_what_is_less_urgent_than_the_level_is_dropped(lines: Lines) -> None:
    configure_logs(level="warning", cache=False)
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines()] == ["loud"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="'loud'; allowed: debug, info, warning"):
        configure_logs(level="loud")


def test_a_terminal_gets_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    configure_logs(cache=False)
    structlog.get_logger().info("stream started", stream="demo")
    text = terminal.getvalue()
    assert "stream started" in text
    assert not text.startswith("{")


def test_json_can_be_had_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    configure_logs(json=True, cache=False)
    structlog.get_logger().info("stream started")
    assert parsed(terminal.getvalue())[0]["event"] == "stream started"


def test_a_logger_follows_when_stderr_is_replaced(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs()
    log = structlog.get_logger()
    log.info("first")
    replaced = io.StringIO()
    monkeypatch.setattr(sys, "stderr", replaced)
    log.info("second")
    assert [line["event"] for line in lines()] == ["first"]
    assert [line["event"] for line in parsed(replaced.getvalue())] == ["second"]


def test_a_log_that_nobody_reads_does_not_end_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", Unwritable())
    configure_logs(cache=False)
    structlog.get_logger().info("event")


def test_what_libraries_log_is_json_too_and_comes_once(lines: Lines) -> None:
    configure_logs(cache=False)
    configure_logs(cache=False)
    logging.getLogger("asyncio").error("task %s was lost", 7)
    (line,) = lines()
    assert line["event"] == "task 7 was lost"
    assert (line["level"], line["library"]) == ("error", "asyncio")


def test_a_warning_of_a_library_is_json_too(lines: Lines) -> None:
    configure_logs(cache=False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old function", stacklevel=1)
    (line,) = lines()
    assert "old function" in line["event"]
    assert line["level"] == "warning"


@contextmanager
def journal_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Let stderr be the journal, and yield the socket beside it."""
    path = tmp_path / "socket"
    with (
        (tmp_path / "stderr").open("w") as stderr,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening,
    ):
        listening.bind(str(path))
        listening.settimeout(10)
        found = os.fstat(stderr.fileno())
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        monkeypatch.setattr("srstream.journal.SOCKET", path)
        yield listening


def test_the_journal_gets_a_message_for_people_and_every_value_as_a_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal_at(tmp_path, monkeypatch) as journal:
        configure_logs(cache=False)
        structlog.get_logger().bind(stream="main").warning(
            "frame skipped", source="a b.png", seq=7, reason=None, size="x=1"
        )
        told = journal.recv(1000).decode()
    assert told.splitlines() == [
        'MESSAGE=frame skipped stream=main source="a b.png" seq=7 reason=null size="x=1"',
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=srstream",
        "SRSTREAM_STREAM=main",
        "SRSTREAM_SOURCE=a b.png",
        "SRSTREAM_SEQ=7",
        "SRSTREAM_REASON=null",
        "SRSTREAM_SIZE=x=1",
    ]


def test_a_traceback_in_the_journal_follows_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal_at(tmp_path, monkeypatch) as journal:
        configure_logs(cache=False)
        try:
            int("broken")
        except ValueError:
            structlog.get_logger().exception("stream failed", stream="main")
        told = journal.recv(10_000).decode(errors="replace")
    assert "stream failed stream=main\nTraceback" in told
    assert "PRIORITY=3\n" in told


def test_a_journal_that_does_not_listen_is_written_to_on_stderr_with_the_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal_at(tmp_path, monkeypatch) as journal:
        journal.close()
        configure_logs(cache=False)
        structlog.get_logger().error("stream failed", stream="main")
    assert (tmp_path / "stderr").read_text() == "<3>stream failed stream=main\n"
