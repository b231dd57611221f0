from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from srstream import journal


@pytest.fixture
def journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket as it has."""
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.settimeout(10)
        yield listening


def test_a_message_has_its_level_and_its_fields(
    journald: socket.socket,
) -> None:
    assert journal.send("stream failed", "error", {"stream": "main", "in-last minute": "2"})
    assert journald.recv(1000).splitlines() == [
        b"MESSAGE=stream failed",
        b"PRIORITY=3",
        b"SYSLOG_IDENTIFIER=srstream",
        b"SRSTREAM_STREAM=main",
        b"SRSTREAM_IN_LAST_MINUTE=2",
    ]


def test_a_value_of_several_lines_is_sent_with_its_length(
    journald: socket.socket,
) -> None:
    assert journal.send("two\nlines", "info", {})
    # The very bytes of the protocol's description: name, little-endian 64 bits, data.
    expected = b"MESSAGE\n\x09\x00\x00\x00\x00\x00\x00\x00two\nlines\n"
    assert journald.recv(1000).startswith(expected + b"PRIORITY=6\n")


def test_what_does_not_fit_or_is_not_heard_is_told(
    journald: socket.socket,
) -> None:
    assert not journal.send("x" * 10**7, "info", {})
    journald.close()
    journal.SOCKET.unlink()
    assert not journal.send("x", "info", {})


def test_a_stream_is_the_journal_if_device_and_inode_say_so(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        found = os.fstat(file.fileno())
        assert journal.is_journal(file, f"{found.st_dev}:{found.st_ino}")
        assert not journal.is_journal(file, f"{found.st_dev}:{found.st_ino + 1}")
        assert not journal.is_journal(file, None)
    assert not journal.is_journal(io.StringIO(), "1:2")
