from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from srstream.runtime.sdnotify import SdNotify, usec


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """A socket as systemd's, in both name spaces."""
    name = f"\0srstream-{os.getpid()}" if request.param == "abstract" else tmp_path / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(name))
        listening.settimeout(10)
        yield listening


def address_of(listening: socket.socket) -> str:
    name = listening.getsockname()
    return name if isinstance(name, str) else f"@{name[1:].decode()}"


def test_what_is_told_arrives_as_one_datagram_of_lines(manager: socket.socket) -> None:
    notify = SdNotify.take({"NOTIFY_SOCKET": address_of(manager)})
    assert notify.tell(READY=1, STATUS="two\nlines \udcff")
    assert manager.recv(1000) == b"READY=1\nSTATUS=two lines \\udcff"


def test_what_the_manager_said_is_taken_out_of_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "A": "b"}
    SdNotify.take(environ)
    assert environ == {"A": "b"}


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(
    told: dict[str, str], seconds: float | None
) -> None:
    assert SdNotify.take({"NOTIFY_SOCKET": "/n", **told}).watchdog == seconds


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_manager_nothing_is_told(environ: dict[str, str]) -> None:
    notify = SdNotify.take(environ)
    assert not notify
    assert notify.tell(READY=1)


def test_a_manager_that_does_not_listen_does_no_harm(tmp_path: Path) -> None:
    assert not SdNotify(str(tmp_path / "gone")).tell(READY=1)


def test_a_manager_that_is_busy_is_not_waited_for(manager: socket.socket) -> None:
    notify = SdNotify(address_of(manager))
    told = [notify.tell(STATUS="x") for _ in range(10_000)]  # beyond any queue
    assert told[0]
    assert not told[-1]


def test_microseconds_are_whole() -> None:
    assert usec(0.1 + 0.2) == 300_000
