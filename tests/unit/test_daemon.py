from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from managers import Manager
from srstream import daemon
from srstream.build import Builder, Stream, StreamSpec
from srstream.engine import Estimate
from srstream.errors import ConfigError, DeviceLostError, StateDirInUse
from srstream.exits import Exit
from srstream.runtime.sdnotify import SdNotify
from srstream.runtime.supervisor import Supervisor
from srstream.settings import Settings, from_tables
from srstream.sinks import ZmqSinkOptions
from srstream.sources import ZmqOptions
from srstream.stores.state_dir import StateDir


def settings(folder: Path, *, source: str = "inbox", device: str = "cpu") -> Settings:
    stream = {
        "preset": "light",
        "device": device,
        "source": {"type": "directory", "path": source},
        "sinks": [{"type": "directory", "path": "outbox"}],
        "net": {"width": 4, "depth": 2},
        "adapt": {"steps": 1, "crop": 16},
    }
    return from_tables({"streams": {"demo": stream}}, base=folder)


def test_when_every_stream_stays_down_it_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srstream.runtime.restart.MOST", 1)
    (tmp_path / "file").touch()
    with capture_logs() as logs:
        assert daemon.run_daemon(lambda: settings(tmp_path, source="file")) == Exit.FAILED
    (error,) = [log for log in logs if log["event"] == "stream failed"]
    assert error["cause"] == f"{tmp_path}/file: not a folder; name a folder in `path`"


def test_where_a_stream_listens_and_sends_is_told_as_its_folders_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srstream.runtime.restart.MOST", 1)
    missing, out = f"ipc://{tmp_path}/no/in.sock", f"ipc://{tmp_path}/out.sock"
    wanted = settings(tmp_path)
    source = ZmqOptions(endpoints=(missing,))
    sinks = (*wanted.streams["demo"].sinks, ZmqSinkOptions(endpoints=(out,)))
    stream = replace(wanted.streams["demo"], source=source, sinks=sinks)
    with capture_logs() as logs:
        status = daemon.run_daemon(lambda: replace(wanted, streams={"demo": stream}))
    assert status == Exit.FAILED
    (ready,) = [log for log in logs if log["event"] == "stream ready"]
    assert ready["listens"] == [missing]
    assert ready["writes"] == [f"{tmp_path}/outbox", out]


def test_a_signal_before_the_streams_are_ready_ends_it_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def signalled(self: Builder, name: str, spec: StreamSpec) -> Stream:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()  # a network that takes its time
        raise AssertionError

    monkeypatch.setattr(Builder, "stream", signalled)
    with capture_logs() as logs:
        assert daemon.run_daemon(lambda: settings(tmp_path)) == 0
    assert "stream started" not in [log["event"] for log in logs]


def test_a_wrong_device_is_the_operators_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"streams\.demo\.device"):
        daemon.run_daemon(lambda: settings(tmp_path, device="cuda:99"))


def test_weights_that_are_not_there_are_found_before_anything_is_made(
    tmp_path: Path,
) -> None:
    def load() -> Settings:
        stream = settings(tmp_path).streams["demo"]
        session = replace(stream.session, weights="no/such.safetensors", net=None)
        streams = {"demo": replace(stream, session=session)}
        return replace(settings(tmp_path), streams=streams)

    wrong = r"^streams\.demo\.weights: .*/no/such\.safetensors: no such file"
    with pytest.raises(ConfigError, match=wrong):
        daemon.run_daemon(load)
    assert not list(tmp_path.iterdir())


def test_a_state_folder_belongs_to_one_daemon(tmp_path: Path) -> None:
    with (
        StateDir.open(tmp_path / "state"),
        pytest.raises(StateDirInUse, match=str(os.getpid())),
    ):
        daemon.run_daemon(lambda: settings(tmp_path))


def test_after_it_ended_the_state_folder_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srstream.runtime.restart.MOST", 1)
    (tmp_path / "file").touch()
    daemon.run_daemon(lambda: settings(tmp_path, source="file"))
    StateDir.open(tmp_path / "state").close()


def test_the_service_manager_is_told_when_it_is_ready_and_when_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srstream.runtime.service._STATUS", 0.0)
    manager = Manager(tmp_path / "notify")
    notify, said = SdNotify(str(manager.path), watchdog=0.4), []

    async def when_ready(self: Supervisor[StreamSpec]) -> Exit:
        while not any("READY" in told for told in said):
            said.extend(manager.heard())
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Supervisor, "wait", when_ready)
    (tmp_path / "inbox").mkdir()
    assert daemon.run_daemon(lambda: settings(tmp_path), notify=notify) == 0
    said += manager.heard()
    manager.close()
    first, *_ = said
    assert first["EXTEND_TIMEOUT_USEC"]
    assert first["STATUS"].startswith("starting: ")
    (ready,) = [told for told in said if "READY" in told]
    assert ready["STATUS"] == "1 stream, 0.0 fps, 0 frames done"
    (stopping,) = [told for told in said if "STOPPING" in told]
    assert stopping["STATUS"].startswith("stopping: 1 stream")
    assert said.index(stopping) > said.index(ready)


def test_it_is_not_ready_when_the_device_is_lost_at_the_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(self: Stream) -> Estimate:
        raise DeviceLostError("the GPU has fallen off the bus")

    monkeypatch.setattr(Stream, "expect", lost)
    manager = Manager(tmp_path / "notify")
    with pytest.raises(DeviceLostError):
        daemon.run_daemon(lambda: settings(tmp_path), notify=SdNotify(str(manager.path)))
    assert not any("READY" in told for told in manager.heard())
    manager.close()
