from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import config_in
from srstream.cli import app

WIDE = {"COLUMNS": "100"}


def test_a_key_is_explained_for_people() -> None:
    ran = CliRunner().invoke(app, ["config", "explain", "daemon.grace"], env=WIDE)
    assert ran.exit_code == 0
    assert ran.stdout == (
        "daemon.grace\n"
        "    a number: 0.1 to 3600; default 20.0\n"
        "    Seconds in which a stop must be done.\n"
    )


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("source.directory.path", "a string; required"),
        ("adapt.plateau", "absent by default"),
        ("sinks.stats.path", 'sinks[N].path   (type = "stats")'),
        ("daemon.ledger_keep", 'default "90d"'),
    ],
)
def test_what_a_default_is_is_told(key: str, told: str) -> None:
    assert told in CliRunner().invoke(app, ["config", "explain", key], env=WIDE).stdout


def test_all_keys_are_explained_for_scripts() -> None:
    docs = json.loads(CliRunner().invoke(app, ["config", "explain", "--json"]).stdout)
    assert {doc["key"] for doc in docs} >= {"daemon.grace", "streams.NAME.adapt.steps"}
    assert all(
        doc.keys() == {"key", "of", "allowed", "default", "required", "meaning"}
        for doc in docs
    )


def test_an_unknown_key_is_wrong_usage() -> None:
    ran = CliRunner().invoke(app, ["config", "explain", "adpt.steps"])
    assert ran.exit_code == 2
    assert "did you mean adapt.steps?" in ran.stderr


def test_a_good_file_is_told_on_one_line_whatever_its_name(tmp_path: Path) -> None:
    config = config_in(tmp_path).rename(tmp_path / "a\nb.toml")
    ran = CliRunner().invoke(app, ["config", "check", str(config)])
    assert ran.exit_code == 0
    assert ran.stdout == f"{tmp_path}/a\\nb.toml: good; streams: demo\n"
