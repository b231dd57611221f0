"""The files of the service: alike where they must be, and named where they are read."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ("srstream.service", "srstream@.service")
ANALYZE = shutil.which("systemd-analyze")


def directives(name: str) -> list[str]:
    """Return the lines of a unit that say something."""
    text = (ROOT / "systemd" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_template_differs_from_the_unit_by_the_name_of_the_instance_alone() -> None:
    one, each = (directives(name) for name in UNITS)
    assert [line.replace("/%i", "").replace(" (%i)", "") for line in each] == [
        line.replace("/srstream.toml", ".toml") for line in one
    ]


@pytest.mark.parametrize("unit", UNITS)
def test_every_line_of_hardening_stands_below_a_comment_of_its_own(unit: str) -> None:
    text = (ROOT / "systemd" / unit).read_text(encoding="utf-8")
    hardening = text.split("# Hardening. ")[1].split("[Install]")[0]
    lines = [line for line in hardening.splitlines()[1:] if line]
    together = ("IPAddressAllow", "SystemCallFilter", "SystemCallErrorNumber")
    bare = [
        line
        for above, line in pairwise(lines)
        if not line.startswith("#") and not above.startswith("#")
    ]
    assert {line.split("=")[0] for line in bare} == set(together)
    assert lines[0].startswith("#")


def test_the_unit_keeps_its_promises() -> None:
    said = dict(line.split("=", 1) for line in directives(UNITS[0]) if "=" in line)
    assert said["Type"] == "notify"
    assert "78" in said["RestartPreventExitStatus"].split()
    assert int(said["RestartSec"]) + int(said["TimeoutAbortSec"]) <= 3
    grace = re.search(
        r"^grace = ([\d.]+)", (ROOT / "config/reference.toml").read_text(), re.MULTILINE
    )
    assert grace
    assert float(said["TimeoutStopSec"]) > float(grace[1])


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS)
def test_its_exposure_is_one_and_a_half_at_most(unit: str) -> None:
    assert ANALYZE is not None
    command = [ANALYZE, "security", "--no-pager", "--offline=true", "--threshold=15"]
    done = subprocess.run(
        [*command, ROOT / "systemd" / unit], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def made(target: str, **variables: str) -> list[str]:
    """Return the commands that make would run."""
    given = [f"{key}={value}" for key, value in variables.items()]
    command = ["/usr/bin/env", "make", "--dry-run", "--no-print-directory", target, *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("target", ["install", "uninstall"])
def test_with_destdir_nothing_else_on_this_machine_is_touched(target: str) -> None:
    lines = made(target, DESTDIR="/x", DROP_IN="cuda")
    assert not [line for line in lines if "systemctl" in line or "systemd-sysusers" in line]
    for line in lines:
        if line.startswith(("install ", "rm ", "umask ")):
            assert "/x/" in line
            assert not re.search(r" /(opt|usr|etc)/", line)


def test_without_it_the_user_is_made_and_systemd_is_told() -> None:
    lines = made("install")
    assert [line for line in lines if line.startswith("systemd-sysusers /usr/local/lib/")]
    assert [line for line in lines if "systemctl daemon-reload" in line]
    assert [line for line in made("uninstall") if "systemctl disable --now" in line]


@pytest.mark.parametrize("unit", UNITS)
def test_the_drop_ins_set_nothing_that_systemd_does_not_know(
    unit: str, tmp_path: Path
) -> None:
    if ANALYZE is None:
        pytest.skip("there is no systemd-analyze here")
    # What a unit runs must be there to be verified: something that is, for the drop-ins.
    text = "\n".join(directives(unit)).replace("/opt/srstream/bin/srstream", "/bin/true")
    for drop_in in ("cpu", "cuda"):
        more = (ROOT / f"systemd/drop-ins/{drop_in}.conf").read_text(encoding="utf-8")
        more = more.replace("/usr/bin/nvidia-modprobe", "/bin/true")
        place = tmp_path / drop_in / unit.replace("@", "@one")
        place.parent.mkdir()
        place.write_text(text.replace("[Install]", f"{more}\n[Install]"))
        done = subprocess.run(
            [ANALYZE, "verify", "--man=no", place],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
