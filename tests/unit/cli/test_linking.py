from __future__ import annotations

from pathlib import Path

import pytest

from srstream.cli.linking import Keys, linked
from srstream.errors import ConfigError

HERE = "tcp://127.0.0.1:5555"
ALL = Keys(key=Path("own"), clients=Path("clients"), server=Path("server"))


def test_an_endpoint_and_keys_make_a_link() -> None:
    made = linked(
        "tcp://cam.example:5555",
        connects=True,
        keys=Keys(key=Path("own"), server=Path("server")),
        flag="--to",
    )
    assert [each.text for each in made.endpoints] == ["tcp://cam.example:5555"]
    assert made.connects
    assert (made.curve_key, made.curve_server) == (Path("own"), Path("server"))
    assert made.curve_clients is None


@pytest.mark.parametrize(
    ("endpoint", "connects", "keys", "complaint"),
    [
        ("5555", True, Keys(), "--to: found wrong: '5555' is no endpoint; allowed: tcp"),
        ("tcp://0.0.0.0:5555", False, Keys(), "--insecure: found false; tcp://0.0.0.0"),
        (HERE, True, Keys(key=Path("own")), "--curve-server: found empty"),
        (HERE, False, Keys(key=Path("own")), "--curve-clients: found empty"),
        (HERE, True, Keys(server=Path("s")), "--curve-key: found empty"),
        (HERE, False, Keys(server=Path("s")), "--curve-server: found 's', of no use"),
    ],
)
def test_what_is_wrong_is_named_by_its_flag(
    endpoint: str, connects: bool, keys: Keys, complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        linked(endpoint, connects=connects, keys=keys, flag="--to")
    assert str(caught.value).startswith(complaint)


def test_of_one_set_of_keys_each_socket_gets_what_concerns_it() -> None:
    assert ALL.options([HERE], connects=False) == {
        "insecure": False,
        "curve_key": "own",
        "curve_clients": "clients",
    }
    assert ALL.options([HERE], connects=True) == {
        "insecure": False,
        "curve_key": "own",
        "curve_server": "server",
    }
    assert ALL.options(["ipc:///run/x"], connects=True) == {"insecure": False}
    assert Keys(insecure=True).options([HERE], connects=True) == {"insecure": True}
