from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from srstream.transport.link import Link, link

LOOPBACK = ("tcp://127.0.0.1:5555",)
OPEN = ("tcp://*:5555",)


def linked(endpoints: Sequence[str] = LOOPBACK, **changes: Any) -> Link:
    said: dict[str, Any] = {
        "connects": False,
        "insecure": False,
        "curve_key": "",
        "curve_clients": "",
        "curve_server": "",
    }
    return link(endpoints, **(said | changes))


def test_loopback_needs_nothing_and_is_not_exposed() -> None:
    made = linked([*LOOPBACK, "ipc:///run/in.sock"])
    assert [endpoint.text for endpoint in made.endpoints] == [
        "tcp://127.0.0.1:5555",
        "ipc:///run/in.sock",
    ]
    assert made.curve_key is None
    assert not made.is_exposed


def test_plaintext_beyond_this_machine_is_refused_with_three_remedies() -> None:
    with pytest.raises(ValueError, match=r"^insecure is false; tcp://\*:5555 ") as refusal:
        linked([*LOOPBACK, *OPEN])
    for remedy in ("127.0.0.1", "`srstream keys new DIR`", "insecure = true"):
        assert remedy in str(refusal.value)


def test_plaintext_beyond_this_machine_is_exposed_where_it_is_wanted() -> None:
    assert linked(OPEN, insecure=True).is_exposed
    assert linked(["tcp://10.0.0.1:1"], connects=True).is_exposed


def test_keys_allow_to_bind_beyond_this_machine() -> None:
    made = linked(
        OPEN, curve_key="server.key_secret", curve_clients="/k/clients", base=Path("/etc")
    )
    assert made.curve_key == Path("/etc/server.key_secret")
    assert made.curve_clients == Path("/k/clients")
    assert not made.is_exposed


def test_who_connects_with_keys_knows_the_server() -> None:
    made = linked(connects=True, curve_key="c.key_secret", curve_server="server.key")
    assert made.curve_server == Path("server.key")


@pytest.mark.parametrize(
    ("changes", "beginning"),
    [
        ({"endpoints": ()}, "endpoints are empty"),
        ({"endpoints": ("udp://127.0.0.1:1",)}, "endpoints are wrong: 'udp:"),
        ({"endpoints": LOOPBACK * 2}, "endpoints are named once each"),
        ({"endpoints": OPEN, "connects": True}, "endpoints are to be connected to"),
        ({"curve_key": "k"}, "curve_clients is empty"),
        ({"curve_key": "k", "connects": True}, "curve_server is empty"),
        ({"curve_clients": "c"}, "curve_key is empty"),
        ({"curve_server": "s", "connects": True}, "curve_key is empty"),
        ({"curve_key": "k", "curve_server": "s"}, "curve_server is 's', of no use"),
        (
            {"curve_key": "k", "curve_clients": "c", "connects": True},
            "curve_clients is 'c', of no use",
        ),
    ],
)
def test_a_refusal_begins_with_the_option_that_is_wrong(
    changes: dict[str, Any], beginning: str
) -> None:
    with pytest.raises(ValueError, match=f"^{beginning}"):
        linked(**changes)


def test_any_free_port_may_be_wanted_twice() -> None:
    assert len(linked(["tcp://127.0.0.1:*"] * 2).endpoints) == 2
