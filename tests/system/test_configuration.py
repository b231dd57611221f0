from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands import CONFIG, PATIENCE, Daemon, config_in, run, wait_until
from files import save

ROOT = Path(__file__).parents[2]

TWO_STREAMS = CONFIG + CONFIG.replace("demo", "other-one").replace(
    "inbox", "other"
).replace("outbox", "results").replace("stats.jsonl", "other.jsonl")


def test_two_streams_run_side_by_side_with_overrides(tmp_path: Path) -> None:
    config = config_in(tmp_path, TWO_STREAMS)
    (tmp_path / "other").mkdir()
    save(tmp_path / "inbox" / "a.png")
    save(tmp_path / "other" / "b.png")
    daemon = Daemon(
        *("--config", config, "--set", "streams.demo.scale=3"),
        cwd=tmp_path.parent,  # paths in the file are relative to the file
        environ={"SRSTREAM_STREAMS__OTHER_ONE__SCALE": "4"},
    )
    try:
        assert daemon.wait_for("stream ready", stream="demo")["scale"] == 3
        assert daemon.wait_for("stream ready", stream="other-one")["scale"] == 4
        daemon.folder = tmp_path
        daemon.wait_for_frames("a.png")
        wait_until(lambda: daemon.stats("other.jsonl"), "the other stream's frame")
        assert daemon.stop() == 0
    finally:
        daemon.close()
    (line,) = daemon.stats()
    (other,) = daemon.stats("other.jsonl")
    assert (line["stream"], line["seq"], line["out_size"]) == ("demo", 1, [72, 60])
    assert (other["stream"], other["seq"], other["out_size"]) == ("other-one", 1, [96, 80])
    assert (tmp_path / "outbox" / "a.png").is_file()
    assert (tmp_path / "results" / "b.png").is_file()


@pytest.mark.parametrize("name", ["srstream.toml", "reference.toml"])
def test_the_files_that_come_along_are_good(name: str) -> None:
    checked = run("config", "check", ROOT / "config" / name, cwd=ROOT)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "good" in checked.stdout


def test_a_wrong_key_ends_a_check_and_a_start_with_78_and_names_what_was_meant(
    tmp_path: Path,
) -> None:
    config = config_in(tmp_path, CONFIG.replace("device", "scal = 2\ndevice"))
    checked = run("config", "check", config, cwd=tmp_path)
    served = run("serve", "--config", config, cwd=tmp_path)
    assert checked.returncode == served.returncode == 78
    line = f"srstream: {config}:3: streams.demo.scal: unknown key; did you mean scale?"
    assert checked.stderr.startswith(line)
    assert served.stderr == checked.stderr


def test_flags_override_the_file_and_say_so_when_they_do_not_fit(tmp_path: Path) -> None:
    config = config_in(tmp_path, CONFIG.replace("device", "identical = 'reuse'\ndevice"))
    served = run("serve", "--config", config, "--deterministic", cwd=tmp_path)
    assert served.returncode == 78
    assert f"{config}:3: streams.demo.identical: found" in served.stderr


def test_a_second_daemon_with_the_same_state_is_refused_and_doctor_tells_of_the_first(
    tmp_path: Path,
) -> None:
    config = config_in(tmp_path)
    state_dir = tmp_path / "elsewhere"
    daemon = Daemon("--config", config, "--state-dir", "elsewhere", cwd=tmp_path)
    try:
        daemon.wait_for("stream ready")
        second = run("serve", "--config", config, "--state-dir", state_dir, cwd=tmp_path)
        environ = {"SRSTREAM_DAEMON__STATE_DIR": str(state_dir)}
        looked = run("doctor", "--config", config, "--json", cwd=tmp_path, environ=environ)
        assert daemon.stop() == 0
    finally:
        daemon.close()
    assert second.returncode == 1
    assert str(state_dir) in second.stderr
    (found,) = [each for each in json.loads(looked.stdout) if each["check"] == "daemon"]
    pid = re.search(r"process (\d+)", found["found"])
    assert pid
    assert f"pid {pid[1]}" in second.stderr
    assert looked.returncode == 0


def test_the_state_of_two_folders_lies_below_that_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "inbox" / "below").mkdir(parents=True)
    save(tmp_path / "inbox" / "below" / "a.png")
    home = tmp_path / "home"
    daemon = Daemon(
        *("inbox", "-o", "outbox", "--device", "cpu", "--recursive"),
        cwd=tmp_path,
        environ={"XDG_STATE_HOME": str(home)},
    )
    try:
        written = tmp_path / "outbox" / "below" / "a.png"
        wait_until(lambda: written.exists() or not daemon.is_alive, "the picture")
        assert daemon.stop() == 0
    finally:
        daemon.close()
    assert written.exists()
    (state,) = (home / "srstream").iterdir()
    assert state.name.startswith("outbox-")
    assert (state / "ledger.db").is_file()


def test_a_state_folder_that_cannot_be_made_ends_a_start_with_73(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    (tmp_path / "file").touch()
    served = run("serve", "--config", config, "--state-dir", "file/state", cwd=tmp_path)
    assert served.returncode == 73
    assert f"{tmp_path}/file/state: the state folder cannot be used" in served.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["doctor", "-h"]])
def test_help_does_not_load_what_is_heavy(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from srstream.cli import app; "
        f"app({arguments!r}, standalone_mode=False); "
        "print(sorted({'torch', 'numpy', 'av', 'PIL', 'structlog'} & sys.modules.keys()))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == "[]"
