from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from commands import PATIENCE, run, start, wait_until
from files import save
from pictures import edges
from srstream import __version__

NAMES = [f"f{number}.png" for number in range(1, 11)]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number, name in enumerate(NAMES):
        save(tmp_path / "in" / name, edges(24, 24, shift=3 * number))
    return tmp_path / "in"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_after_ctrl_c_it_continues_with_the_weights_it_had(pictures: Path) -> None:
    here = pictures.parent
    command = ("upscale", "in", "--steps", "4", "--device", "cpu", "-o")
    stopped = start(*command, "out", cwd=here)
    wait_until((here / "out" / NAMES[1]).exists, "the second result")
    stopped.send_signal(signal.SIGINT)
    _, said = stopped.communicate(timeout=PATIENCE)
    assert stopped.returncode == 130
    assert "run the same command again to continue" in said
    done = {name for name in contents(here / "out") if not name.startswith(".")}
    assert NAMES[1] in done
    assert len(done) < len(NAMES)
    assert not list((here / "out").glob(".*.part"))

    again = run(*command, "out", cwd=here)
    assert again.returncode == 0
    assert f"{len(done)} of {len(NAMES)} are done already" in again.stderr
    in_one_go = run(*command, "whole", cwd=here)
    assert in_one_go.returncode == 0
    assert contents(here / "out") == contents(here / "whole")
    assert set(contents(here / "whole")) == set(NAMES)


def test_names_are_never_taken_for_options_commands_or_markup(pictures: Path) -> None:
    names = [
        "-rf.png",
        "$(touch owned).png",
        "[bold]x.png",
        "a\n\x1b[31mb.png",
        "\udcff.png",
    ]
    for name in names:
        save(pictures / name)
    done = run("upscale", "-o", "../out", "--steps=0", "--", *names, cwd=pictures)
    assert done.returncode == 0, done.stderr
    assert set(os.listdir(pictures.parent / "out")) == set(names)  # noqa: PTH208 - as text
    assert "\x1b" not in done.stderr
    assert not (pictures / "owned").exists()

    missing = run("upscale", "-o", "out", "--", "no\n\x1b[31m\udcff.png", cwd=pictures)
    assert missing.returncode == 2
    assert missing.stderr == "srstream: no\\n\\x1b[31m\\udcff.png: no such file or folder\n"


def test_the_command_is_a_module_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "srstream", "version"]
    shown = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert (
        shown.stdout == f"srstream {__version__}\n" == run("version", cwd=tmp_path).stdout
    )


def test_progress_and_what_was_done_is_told(pictures: Path) -> None:
    done = run("upscale", pictures, "-o", "out", "--steps=0", cwd=pictures.parent)
    assert done.returncode == 0
    assert f"{len(NAMES)}/{len(NAMES)}" in done.stderr
    assert "left" in done.stderr
    assert f"{len(NAMES)} pictures in" in done.stderr
    with Image.open(pictures.parent / "out" / "f10.png") as result:
        assert result.size == (48, 48)
