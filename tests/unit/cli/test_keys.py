from __future__ import annotations

import json
import tomllib
from pathlib import Path

import zmq.auth
from click.testing import Result
from typer.testing import CliRunner

from srstream.cli.keys import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments])


def test_what_it_prints_can_be_pasted_into_a_configuration(tmp_path: Path) -> None:
    result = run(str(tmp_path / "keys"))
    assert result.exit_code == 0
    pasted = [line for line in result.stdout.splitlines() if line.startswith("  curve_")]
    binds = tomllib.loads("\n".join(pasted[:2]))
    connects = tomllib.loads("\n".join(pasted[2:]))
    assert set(binds) == {"curve_key", "curve_clients"}
    assert set(connects) == {"curve_key", "curve_server"}
    public, secret = zmq.auth.load_certificate(connects["curve_key"])
    assert secret is not None
    assert zmq.auth.load_certificates(binds["curve_clients"]) == {public: True}


def test_scripts_get_an_object(tmp_path: Path) -> None:
    result = run(str(tmp_path / "keys"), "--json")
    told = json.loads(result.stdout)
    assert Path(told["bind"]["curve_key"]).stat().st_mode & 0o777 == 0o600
    assert Path(told["connect"]["curve_server"]).is_file()


def test_keys_that_are_there_stay(tmp_path: Path) -> None:
    run(str(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.key*")}
    result = run(str(tmp_path))
    assert result.exit_code == 1
    assert "is there already" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.key*")} == before
