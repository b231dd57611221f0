from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from srstream.cli import app
from srstream.cli.linking import Keys
from srstream.cli.piping import Piping, settings_of, state_dir_of, tables
from srstream.errors import Complaint, ConfigError

IN, OUT = "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"
KEYS = Keys(key=Path("own"), clients=Path("clients"), server=Path("server"))
PIPING = Piping(
    inputs=(IN,),
    outputs=(OUT,),
    in_pattern="rep",
    out_pattern="pub",
    in_connect=False,
    out_connect=False,
    format=None,
    payload="raw",
    streams="one",
    overload="auto",
    reply="ok",
    keys=Keys(),
    session={"scale": 3},
    state_dir=Path("/var/lib/x"),
)


def complaint(piping: Piping) -> str:
    with pytest.raises(ConfigError) as caught:
        settings_of(piping, Path("/srv"))
    return str(caught.value)


def stream(**changed: Any) -> dict[str, Any]:
    (only,) = tables(replace(PIPING, **changed))["streams"].values()
    assert isinstance(only, dict)
    return only


def test_it_is_a_configuration_of_one_stream() -> None:
    made = tables(PIPING)
    assert made["daemon"] == {"state_dir": "/var/lib/x"}
    assert made["streams"] == {
        "pipe": {
            "scale": 3,
            "source": {
                "type": "zmq",
                "endpoints": [IN],
                "pattern": "rep",
                "connect": False,
                "streams": "one",
                "overload": "auto",
                "reply": "ok",
                "insecure": False,
            },
            "sinks": [
                {
                    "type": "zmq",
                    "endpoints": [OUT],
                    "pattern": "pub",
                    "connect": False,
                    "format": "native",
                    "payload": "raw",
                    "insecure": False,
                }
            ],
        }
    }


def test_it_is_a_right_one() -> None:
    settings = settings_of(PIPING, Path("/srv"))
    made = settings.streams["pipe"]
    assert made.session.scale == 3
    assert made.source.endpoints == (IN,)
    assert made.source.policy == "block"
    assert made.sinks[0].pattern == "pub"
    assert settings.base == Path("/srv")


def test_req_means_imagezmq_and_connecting_to_its_hub() -> None:
    (sink,) = stream(out_pattern="req")["sinks"]
    assert (sink["format"], sink["connect"]) == ("imagezmq", True)
    told = complaint(replace(PIPING, out_pattern="req", format="native"))
    assert told == "--out-pattern: found 'req'; allowed with format = 'imagezmq' only"


def test_one_set_of_keys_is_for_both_sides() -> None:
    made = stream(keys=KEYS, out_connect=True)
    source, sink = made["source"], made["sinks"][0]
    assert (source["curve_key"], source["curve_clients"]) == ("own", "clients")
    assert (sink["curve_key"], sink["curve_server"]) == ("own", "server")
    assert "curve_server" not in source
    assert "curve_clients" not in sink


def test_a_socket_of_the_file_system_needs_no_keys() -> None:
    made = stream(inputs=("ipc:///run/in",), keys=replace(KEYS, server=None))
    assert "curve_key" not in made["source"]
    assert made["sinks"][0]["curve_key"] == "own"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"inputs": ("x",)}, "--in: found wrong: 'x' is no endpoint"),
        ({"outputs": ("x",)}, "--out: found wrong: 'x' is no endpoint"),
        ({"inputs": ("tcp://*:5555",)}, "--insecure: found false; tcp://*:5555 can be"),
        ({"inputs": ("tcp://*:5555",)}, "set --curve-key and --curve-clients (`srstream"),
        ({"outputs": ("tcp://*:5556",)}, "or set --insecure"),
        ({"session": {"preset": "papr"}}, '--preset: found "papr" (string); did you mean'),
        ({"session": {"adapt": {"target_fps": 0.0}}}, "--fps: found 0.0; allowed: 0.01 to"),
        ({"session": {"scale": 5}}, "--scale: found 5 (number); allowed: 2, 3 or 4"),
        ({"in_pattern": "pul"}, '--in-pattern: found "pul" (string); did you mean pull?'),
        ({"keys": replace(KEYS, key=None)}, "--curve-key: missing"),
        ({"keys": replace(KEYS, server=None, clients=None)}, "--curve-clients: found"),
        ({"keys": replace(KEYS, clients=None)}, "--curve-server: for sockets that connect"),
        ({"keys": KEYS, "in_connect": True, "out_connect": True}, "--curve-clients: for"),
    ],
)
def test_what_is_wrong_is_named_by_its_flag(changed: dict[str, Any], told: str) -> None:
    assert told in complaint(replace(PIPING, **changed))


def test_later_complaints_are_named_by_flags_too() -> None:
    locate = settings_of(PIPING, Path("/srv")).locate
    found = locate(ConfigError(Complaint("streams.pipe.device", "no such device")))
    assert str(found) == "--device: no such device"


def test_the_state_of_a_pipe_has_a_place_of_its_own() -> None:
    environ = {"XDG_STATE_HOME": "/var/lib/state"}
    digest = hashlib.sha256(f"{IN}\0{OUT}".encode()).hexdigest()[:8]
    place = state_dir_of([IN], [OUT], environ)
    assert place == Path(f"/var/lib/state/srstream/pipe-{digest}")
    assert state_dir_of([OUT], [IN], environ) != place
    assert state_dir_of([IN, OUT], [OUT], environ) != place


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--out", OUT], "Missing option '--in'"),
        (["--in", IN, "--out", OUT, "--scale", "5"], "less than or equal to 4"),
        (["--in", IN, "--out", OUT, "--in-pattern", "req"], "'req' is not one of"),
        (["--in", IN, "--out", OUT, "--log-level", "loud"], "allowed: debug, info"),
    ],
)
def test_wrong_usage_is_said_at_once(
    arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    ran = CliRunner().invoke(app, ["pipe", *arguments])
    assert ran.exit_code == 2
    assert reason in ran.stderr


@pytest.mark.parametrize(
    ("into", "out", "reason"),
    [
        ("tcp://127.0.0.1", OUT, "srstream: --in: found wrong: 'tcp://127.0.0.1' is no"),
        (IN, "udp://x:1", "srstream: --out: found wrong: 'udp://x:1' is no endpoint"),
        (IN, "tcp://*:5556", "srstream: --insecure: found false; tcp://*:5556 can be"),
    ],
)
def test_what_cannot_be_served_is_said_and_nothing_is_made(
    into: str, out: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["pipe", "--in", into, "--out", out])
    assert ran.exit_code == 78
    assert ran.stderr.startswith(reason)
    assert not list(tmp_path.iterdir())
