from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from srstream.cli.serve import PRESETS_HELP, state_dir_for, stoppable
from srstream.engine.presets import DEFAULT_PRESET, PRESETS
from srstream.errors import ConfigError

HOME = Path("/var/lib/state")
ENVIRON = {"XDG_STATE_HOME": str(HOME)}


def test_the_state_of_two_folders_has_a_place_of_its_own() -> None:
    digest = hashlib.sha256(b"/srv/in\0/srv/big pictures").hexdigest()[:8]
    place = state_dir_for(Path("/srv/in"), Path("/srv/big pictures"), ENVIRON)
    assert place == HOME / "srstream" / f"big_pictures-{digest}"


def test_the_place_is_the_same_however_the_folders_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = state_dir_for(tmp_path / "in", tmp_path / "out", ENVIRON)
    assert state_dir_for(Path("in"), Path("./x/../out/"), ENVIRON) == whole
    assert state_dir_for(Path("in"), Path("other"), ENVIRON) != whole
    assert state_dir_for(Path("other"), Path("out"), ENVIRON) != whole


def test_a_long_or_empty_name_still_makes_a_folder() -> None:
    long = state_dir_for(Path("/in"), Path("/" + "é" * 127), ENVIRON)
    assert long.name.startswith("_" * 64 + "-")
    assert state_dir_for(Path("/in"), Path("/"), ENVIRON).name.startswith("root-")


@pytest.mark.parametrize("environ", [{}, {"XDG_STATE_HOME": "relative"}])
def test_state_is_by_default_below_the_home(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    place = state_dir_for(Path("/in"), Path("/out"), environ)
    assert place.parent == Path("/home/anna/.local/state/srstream")


def test_without_a_home_the_state_folder_must_be_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigError, match="--state-dir: needed"):
        state_dir_for(Path("/in"), Path("/out"), {})


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_all_is_loaded_ends_the_process_as_a_stop_does(name: str) -> None:
    code = (
        "import os, signal; from srstream.cli.serve import stoppable\n"
        f"with stoppable(reloads=True): os.kill(os.getpid(), signal.{name})\n"
        "raise SystemExit(5)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_reload_while_all_is_loaded_ends_nothing() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)]
    with stoppable(reloads=True):
        signal.raise_signal(signal.SIGHUP)
    with stoppable(reloads=False):
        assert signal.getsignal(signal.SIGHUP) is before[0]  # a closed terminal stops it
    assert before == [signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGTERM)]


def test_the_help_names_the_presets_there_are() -> None:
    assert f"{', '.join(PRESETS)}; when absent {DEFAULT_PRESET}." == PRESETS_HELP
