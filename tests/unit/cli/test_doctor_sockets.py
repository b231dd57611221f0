from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from srstream.cli.checks.finding import Finding
from srstream.cli.checks.sockets import check_sockets
from srstream.settings import from_tables
from srstream.transport.keys import make_keys

HERE = "tcp://127.0.0.1:5555"


def look(base: Path, endpoint: str, **keys: Any) -> list[Finding]:
    stream = {
        "source": {"type": "zmq", "endpoints": [endpoint], **keys},
        "sinks": [{"type": "directory", "path": "out"}],
    }
    return list(check_sockets(from_tables({"streams": {"a": stream}}, base=base)))


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.status.value) for finding in findings]


@pytest.fixture
def listener() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_free_port_can_be_bound(tmp_path: Path, listener: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    (found,) = look(tmp_path, free)
    assert (found.check, found.status) == ("bind streams.a.source.endpoints", "ok")
    assert told(look(tmp_path, "tcp://127.0.0.1:*"))[0][1] == "ok"


def test_a_port_that_is_in_use_may_be_that_of_the_daemon_that_runs(
    tmp_path: Path, listener: str
) -> None:
    (found,) = look(tmp_path, listener)
    assert found.status == "warn"
    assert "in use" in found.found
    assert found.remedy.startswith("none is needed if this daemon runs already")


def test_an_address_of_another_machine_cannot_be_bound(tmp_path: Path) -> None:
    found, _ = look(tmp_path, "tcp://192.0.2.1:5555", insecure=True)
    assert found.status == "fail"
    assert found.remedy.startswith("name an address of this machine")


def test_what_is_connected_to_is_not_tried(tmp_path: Path, listener: str) -> None:
    (found,) = look(tmp_path, HERE, connect=True)
    assert (found.check, found.status) == ("connect streams.a.source.endpoints", "ok")


def test_a_socket_of_the_file_system_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left"))
    left.close()
    status = {
        name: look(tmp_path, f"ipc://{tmp_path}/{name}")[0].status
        for name in ("new", "left", "file", "no/folder", "file/below")
    }
    assert status == {
        "new": "ok",
        "left": "ok",
        "file": "fail",
        "no/folder": "fail",
        "file/below": "fail",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "left"]


def test_plaintext_beyond_this_machine_is_warned_of(tmp_path: Path) -> None:
    *_, found = look(tmp_path, "tcp://*:*", insecure=True)
    assert (found.check, found.status) == ("keys streams.a.source", "warn")
    assert "keys" in found.remedy


def test_keys_must_be_there_and_private(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    named = {"curve_key": "keys/server.key_secret", "curve_clients": "keys/clients"}
    assert told(look(tmp_path, "tcp://*:*", **named))[1:] == [
        ("keys streams.a.source", "ok")
    ]
    keys.server_secret.chmod(0o644)
    findings = look(tmp_path, "tcp://*:*", **named)
    assert told(findings)[1:] == [("keys streams.a.source.curve_key", "fail")]
    assert "chmod 600" in findings[1].found
