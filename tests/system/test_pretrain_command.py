"""`srstream pretrain`, stopped and killed: run again, it ends with the same weights."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from commands import PATIENCE, run, start, wait_until
from files import save
from pictures import edges

TINY = (
    *("--recipe", "quick", "--steps", "800", "--device", "cpu", "--threads", "1"),
    *("--set", "batch=4", "--set", "side=12", "--set", "save_every=20"),
    *("--net-set", "width=8", "--net-set", "depth=3"),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pictures, and the weights of a training that went through."""
    folder = tmp_path_factory.mktemp("pretrain")
    (folder / "data").mkdir()
    for number in range(4):
        save(folder / "data" / f"p{number}.png", edges(60, 64, shift=3 * number))
    whole = run("pretrain", "data", "-o", "whole.safetensors", *TINY, cwd=folder)
    assert whole.returncode == 0, whole.stderr
    assert not (folder / "whole.safetensors.partial").exists()
    return folder


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 130)],
)
def test_it_continues_whatever_ended_it(here: Path, number: int, status: int) -> None:
    name = f"{number}.safetensors"
    command = ("pretrain", "data", "-o", name, *TINY)
    partial = here / f"{name}.partial"
    begun = start(*command, cwd=here)
    wait_until(partial.exists, "something saved")
    begun.send_signal(number)
    _, said = begun.communicate(timeout=PATIENCE)
    assert begun.returncode == status, said
    assert partial.exists()
    assert not (here / name).exists()
    if number != signal.SIGKILL:
        assert "run the same command again to continue" in said

    again = run(*command, cwd=here)
    assert again.returncode == 0, again.stderr
    assert "continuing after step" in again.stderr
    assert (here / name).read_bytes() == (here / "whole.safetensors").read_bytes()
    assert not partial.exists()


def test_what_was_begun_otherwise_is_not_continued_unless_thrown_away(here: Path) -> None:
    command = ("pretrain", "data", "-o", "other.safetensors", *TINY)
    begun = start(*command, cwd=here)
    wait_until((here / "other.safetensors.partial").exists, "something saved")
    begun.send_signal(signal.SIGKILL)
    begun.communicate(timeout=PATIENCE)

    refused = run(*command, "--seed", "7", cwd=here)
    assert refused.returncode == 2
    assert "was begun with recipe.seed 0 (now 7); continue" in refused.stderr
    assert "--restart" in refused.stderr
    anew = run(*command, "--seed", "7", "--restart", cwd=here)
    assert anew.returncode == 0, anew.stderr
    assert "continuing" not in anew.stderr
