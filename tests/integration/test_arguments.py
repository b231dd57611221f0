"""What the commands say before they do anything: help, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["inbox", "-o", "inbox"], 78, "the folder this stream watches"),
        (["inbox", "-o", "inbox/../inbox/."], 78, "the folder this stream watches"),
        (
            ["inbox", "-o", "out", "--scale", "5"],
            78,
            "found 5 (number); allowed: 2, 3 or 4",
        ),
        (["inbox", "-o", "out", "--preset", "papr"], 78, "did you mean paper?"),
        (["inbox", "-o", "out", "--device", "gpu"], 78, "allowed: auto, cpu, cuda or"),
        (["inbox", "-o", "out", "--device", "cuda:99"], 78, "use auto or cpu"),
        (["--config", "no.toml"], 78, "no.toml: cannot be read: No such file"),
        (["inbox"], 2, "give INBOX and -o OUTBOX, or --config FILE"),
        (["inbox", "-o", "out", "--config", "x.toml"], 2, "--config says everything"),
        (["inbox", "-o", "out", "--log-level", "loud"], 2, "allowed: debug, info"),
    ],
)
def test_wrong_arguments_are_refused_with_what_is_allowed(
    command: Command,
    tmp_path: Path,
    arguments: list[str],
    status: int,
    reason: str,
) -> None:
    (tmp_path / "inbox").mkdir()
    ran = command("serve", *arguments)
    assert ran.exit_code == status
    assert reason in ran.stderr
    assert "Traceback" not in ran.output
    assert [path.name for path in tmp_path.iterdir()] == ["inbox"]


@pytest.mark.parametrize(
    ("arguments", "teaches"),
    [
        ([], ["serve", "upscale", "config", "demo", "version", "78 wrong settings"]),
        (["serve"], ["INBOX", "OUTBOX", "--config", "--set", "KEY=VALUE", "Ctrl-C"]),
        (["upscale"], ["PICTURES_OR_FOLDER", "per-frame", "--reference", "--overwrite"]),
        (["config"], ["check"]),
        (["config", "check"], ["FILE", "exits with 78"]),
        (["ledger"], ["INBOX", "OUTBOX", "--state-dir", "--failed", "--retry", "--json"]),
        (
            ["pipe"],
            ["--in", "--out", "--in-pattern", "--curve-key", "--insecure", "Ctrl-C"],
        ),
        (["send"], ["PICTURES_OR_FOLDER", "--to", "--fps", "--loop", "--timeout"]),
        (["tap"], ["ENDPOINT", "--stats", "--stream", "--count", "docs/stats.md"]),
        (["demo"], ["--frames"]),
        (["version"], ["Print the version"]),
    ],
)
def test_help_teaches(command: Command, arguments: list[str], teaches: list[str]) -> None:
    ran = command(*arguments, "--help")
    assert ran.exit_code == 0
    for word in teaches:
        assert word in ran.stdout


@pytest.mark.parametrize(
    "name", ["serve", "upscale", "pipe", "send", "tap", "ledger", "doctor", "demo"]
)
def test_help_fills_its_lines_on_a_narrow_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    prose = command(name, "--help").stdout.partition("╭")[0]
    lines = [line.strip() for line in prose.splitlines()]
    for line, following in pairwise(lines):
        assert not line or not following or len(f"{line} {following.split()[0]}") > 76
