"""The command under a service manager that listens, without systemd: see tests/systemd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import Daemon, wait_until
from files import save
from managers import Manager

Serve = Callable[..., Daemon]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def test_it_tells_from_the_start_to_the_stop_how_it_gets_on(
    serve: Serve, manager: Manager, tmp_path: Path
) -> None:
    told: list[dict[str, str]] = []

    def listened() -> int:
        told.extend(manager.heard())
        return len(told)

    def heard(key: str, value: str) -> bool:
        return listened() > 0 and any(value in said.get(key, "") for said in told)

    environ = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "20000000"}
    daemon = serve(environ=environ)
    wait_until(lambda: heard("READY", "1"), "READY")
    assert (told[0]["STATUS"], told[0]["EXTEND_TIMEOUT_USEC"]) == (
        "loading torch",
        "300000000",
    )
    assert not any("STOPPING" in said for said in told)
    save(tmp_path / "inbox" / "a.png")
    wait_until(lambda: heard("STATUS", "1 frame done"), "the frame in the status")
    assert heard("STATUS", "dB by adapting")
    assert all(said["WATCHDOG"] == "1" for said in told if "WATCHDOG" in said)
    before = len(told)
    wait_until(lambda: listened() > before + 2, "the next beats")
    assert daemon.stop() == 0
    assert heard("STOPPING", "1")
