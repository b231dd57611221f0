from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from srstream import daemon
from srstream.errors import ConfigError
from srstream.settings import Settings, from_tables


def settings(folder: Path, *, source: str = "inbox", device: str = "cpu") -> Settings:
    stream = {
        "device": device,
        "source": {"type": "directory", "path": source},
        "sinks": [{"type": "directory", "path": "outbox"}],
        "net": {"width": 4, "depth": 2},
        "adapt": {"steps": 1, "crop": 16},
    }
    return from_tables({"streams": {"demo": stream}}, base=folder)


def test_when_every_stream_has_failed_it_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with capture_logs() as logs:
        assert daemon.run_daemon(settings(tmp_path, source="file")) == 1
    (error,) = [log for log in logs if log["event"] == "stream failed"]
    assert error["cause"] == f"{tmp_path}/file: not a folder; name a folder in `path`"


def test_a_signal_before_the_streams_are_ready_ends_it_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_stream = daemon.build_stream

    async def build(*arguments: object, **options: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return await build_stream(*arguments, **options)

    monkeypatch.setattr(daemon, "build_stream", build)
    with capture_logs() as logs:
        assert daemon.run_daemon(settings(tmp_path)) == 0
    assert [log["event"] for log in logs] == ["stopped before the streams were ready"]


def test_a_wrong_device_is_the_operators_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"streams\.demo\.device"):
        daemon.run_daemon(settings(tmp_path, device="cuda:99"))
