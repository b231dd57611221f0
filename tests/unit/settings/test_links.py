from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from srstream.errors import ConfigError
from srstream.settings import Settings, from_tables
from srstream.settings.links import check_keys, links, wrong_keys
from srstream.transport.keys import make_keys

HERE = "tcp://127.0.0.1:5555"
FOLDER = {"type": "directory", "path": "out"}
INBOX = {"type": "directory", "path": "in"}


def sockets(*endpoints: str, **keys: Any) -> dict[str, Any]:
    return {"type": "zmq", "endpoints": list(endpoints), **keys}


def stream(source: dict[str, Any], *sinks: dict[str, Any]) -> dict[str, Any]:
    return {"source": source, "sinks": list(sinks)}


def read(base: Path, **streams: dict[str, Any]) -> Settings:
    return from_tables({"streams": streams}, base=base)


def complaints(base: Path, **streams: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(base, **streams)
    return str(error.value).splitlines()


def test_the_sockets_of_all_streams_are_found(tmp_path: Path) -> None:
    out = sockets("tcp://127.0.0.1:6", "ipc:///x", connect=True, pattern="push")
    settings = read(tmp_path, a=stream(INBOX, FOLDER, out), b=stream(sockets(HERE), out))
    found = list(links(settings))
    assert [(each.key, each.stream, each.is_source) for each in found] == [
        ("streams.a.sinks[1]", "a", False),
        ("streams.b.source", "b", True),
        ("streams.b.sinks[0]", "b", False),
    ]
    assert found[0].endpoints == "streams.a.sinks[1].endpoints"


@pytest.mark.parametrize(
    "other",
    [
        HERE,
        "tcp://localhost:5555",
        "tcp://*:5555",
        "tcp://0.0.0.0:5555",
    ],
)
def test_two_sockets_are_not_bound_to_one_endpoint(tmp_path: Path, other: str) -> None:
    one = stream(sockets("ipc:///x", HERE), FOLDER)
    two = stream(INBOX, sockets(other, insecure=True))
    (line,) = complaints(tmp_path, a=one, b=two)
    bound = other.replace("localhost", "127.0.0.1")
    assert line == (
        f"streams.b.sinks[0].endpoints: {bound} is bound by streams.a.source.endpoints "
        "too; use two"
    )


def test_one_file_is_one_endpoint_by_any_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    one = stream(sockets(f"ipc://{tmp_path}/in.sock"), FOLDER)
    two = stream(sockets(f"ipc://{tmp_path}/link/in.sock"), {**FOLDER, "path": "b"})
    (line,) = complaints(tmp_path, a=one, b=two)
    assert line.startswith("streams.b.source.endpoints: ipc://")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        (HERE, "tcp://127.0.0.1:5556"),
        (HERE, "tcp://127.0.0.2:5555"),
        (HERE, "ipc:///127.0.0.1:5555"),
    ],
)
def test_endpoints_that_differ_are_no_conflict(
    tmp_path: Path, one: str, other: str
) -> None:
    read(tmp_path, a=stream(sockets(one), FOLDER), b=stream(INBOX, sockets(other)))


def test_several_may_connect_to_one_endpoint(tmp_path: Path) -> None:
    out = sockets(HERE, connect=True, pattern="push")
    read(tmp_path, a=stream(INBOX, out), b=stream(INBOX, out))


def test_a_stream_does_not_send_to_where_it_listens(tmp_path: Path) -> None:
    out = sockets(HERE, connect=True, pattern="push")
    assert complaints(tmp_path, a=stream(sockets("tcp://*:5555", insecure=True), out)) == [
        "streams.a.sinks[0].endpoints: where this stream listens; its outputs would be "
        "new frames"
    ]


def test_streams_do_not_feed_each_other_in_a_circle_by_sockets_and_folders(
    tmp_path: Path,
) -> None:
    feed = sockets(HERE, connect=True, pattern="sub")
    one = stream(INBOX, sockets(HERE))
    (line,) = complaints(tmp_path, a=one, b=stream(feed, {**FOLDER, "path": "in"}))
    assert line.startswith("streams.a: streams feed each other in a circle: a -> b -> a")
    read(tmp_path, a=one, b=stream(feed, FOLDER))


def test_no_stream_is_called_like_those_of_senders(tmp_path: Path) -> None:
    feed = sockets(HERE, streams="per-sender")
    other = stream(INBOX, {**FOLDER, "path": "b"})
    with pytest.raises(ConfigError) as error:
        read(tmp_path, **{"cam": stream(feed, FOLDER), "cam.1": other, "camera": other})
    assert str(error.value).splitlines()[-1] == (
        'streams."cam.1": the streams of the senders of cam are called so; '
        "name it otherwise"
    )
    read(tmp_path, **{"cam": stream(sockets(HERE), FOLDER), "cam.1": other})


def test_the_folders_of_senders_are_left_to_them(tmp_path: Path) -> None:
    feed = sockets(HERE, streams="per-sender")
    (line,) = complaints(
        tmp_path, a=stream(feed, FOLDER), b=stream(INBOX, {**FOLDER, "path": "out/cam1"})
    )
    assert line.startswith("streams.b.sinks[0].path: the folder of streams.a.sinks[0].path")


def test_an_endpoint_that_others_reach_needs_keys_or_a_word(tmp_path: Path) -> None:
    beyond = sockets("tcp://*:5555", queue_mb=0, max_senders=3)
    lines = complaints(tmp_path, a=stream(beyond, FOLDER))
    assert lines[0] == "streams.a.source.queue_mb: found 0; allowed: 1 to 65536"
    assert lines[1].startswith("streams.a.source.insecure: found false; tcp://*:5555 can")
    assert len(lines) == 2


def test_keys_are_read_before_anything_is_made(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    feed = sockets(
        "tcp://*:5555", curve_key="keys/server.key_secret", curve_clients="keys/clients"
    )
    out = sockets(
        "tcp://127.0.0.1:5556",
        connect=True,
        curve_key="keys/client.key_secret",
        curve_server="keys/server.key",
    )
    settings = read(tmp_path, a=stream(feed, FOLDER, out))
    check_keys(settings)
    keys.server_secret.chmod(0o644)
    keys.server.unlink()
    (keys.clients / "client.key").unlink()
    keys.clients.rmdir()
    with pytest.raises(ConfigError) as error:
        check_keys(settings)
    lines = [str(each) for each in error.value.complaints]
    assert [line.split(": ")[0] for line in lines] == [
        "streams.a.source.curve_key",
        "streams.a.source.curve_clients",
        "streams.a.sinks[1].curve_server",
    ]
    assert lines[0].endswith(f"chmod 600 {keys.server_secret}")


def test_sockets_without_keys_have_none_that_are_wrong(tmp_path: Path) -> None:
    (only,) = links(read(tmp_path, a=stream(sockets(HERE), FOLDER)))
    assert list(wrong_keys(only)) == []
