from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from srstream.cli import app

CONFIG = """
[streams.demo]
device = "cpu"
source = { type = "directory", path = "inbox" }
sinks = [{ type = "directory", path = "outbox" }]
"""


def doctor(*arguments: str | Path) -> Result:
    environ = {"COLUMNS": "300", "OMP_NUM_THREADS": None}
    return CliRunner().invoke(app, ["doctor", *map(str, arguments)], env=environ)


def test_a_machine_without_a_configuration_is_looked_at() -> None:
    ran = doctor("--json")
    findings = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert [finding["check"] for finding in findings] == [
        "python",
        "torch",
        "cuda",
        "threads",
        "codecs, reading",
        "codecs, writing",
        "clock",
        "inotify",
    ]
    assert all(
        finding.keys() == {"check", "status", "found", "remedy"} for finding in findings
    )


def test_what_a_configuration_names_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "srstream.toml"
    path.write_text(CONFIG)
    ran = doctor("--config", path)
    assert ran.exit_code == 0
    assert f"{tmp_path}/outbox" in ran.stdout
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("wrong", "check", "found"),
    [
        ('device = "cuda:99"', "cuda", "streams.demo.device = cuda:99"),
        ('devise = "cpu"', "configuration", "srstream.toml:3: streams.demo.devise: "),
    ],
)
def test_what_fails_is_told_and_ends_with_1(
    tmp_path: Path, wrong: str, check: str, found: str
) -> None:
    path = tmp_path / "srstream.toml"
    path.write_text(CONFIG.replace('device = "cpu"', wrong))
    ran = doctor("--config", path, "--json")
    assert ran.exit_code == 1
    (failed,) = [each for each in json.loads(ran.stdout) if each["status"] == "fail"]
    assert failed["check"] == check
    assert found in failed["found"]
    assert failed["remedy"]


def test_a_name_does_not_command_the_terminal(tmp_path: Path) -> None:
    ran = doctor("--config", tmp_path / "a\x1b[1mb.toml")
    assert ran.exit_code == 1
    assert "a\\x1b[1mb.toml" in ran.stdout
