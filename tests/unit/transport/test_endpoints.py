from __future__ import annotations

import pytest

from srstream.transport.endpoints import read_endpoint


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555"),
        ("tcp://127.255.3.1:*", "tcp://127.255.3.1:*"),
        ("tcp://[::1]:1", "tcp://[::1]:1"),
        ("tcp://[::ffff:127.0.0.1]:1", "tcp://[::ffff:127.0.0.1]:1"),
        ("tcp://localhost:65535", "tcp://127.0.0.1:65535"),
        ("ipc:///run/srstream/in.sock", "ipc:///run/srstream/in.sock"),
    ],
)
def test_loopback_and_sockets_of_the_file_system_are_ours_alone(
    text: str, taken: str
) -> None:
    endpoint = read_endpoint(text)
    assert endpoint.text == taken
    assert endpoint.is_local


@pytest.mark.parametrize(
    "text",
    [
        "tcp://*:5555",
        "tcp://0.0.0.0:5555",
        "tcp://[::]:5555",
        "tcp://192.168.1.4:5555",
        "tcp://128.0.0.1:5555",
        "tcp://[fe80::1%eth0]:5555",
        "tcp://camera-3.example.org:5555",
        "tcp://localhost.example.org:5555",
        "tcp://eth0:*",
    ],
)
def test_all_else_may_be_reached_by_others(text: str) -> None:
    endpoint = read_endpoint(text)
    assert endpoint.text == text
    assert not endpoint.is_local


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5555",
        "127.0.0.1:5555",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:+80",
        "tcp://127.0.0.1:٣",
        "tcp://127.0.0.1:5555 ",
        "tcp://127.0.0.1:5555\n",
        "tcp://127.1:5555",
        "tcp://127.0.0.1;10.0.0.1:5555",
        "tcp://::1:5555",
        "tcp://[127.0.0.1]:5555",
        "tcp://[]:5555",
        "tcp://a b:5555",
        "tcp://-a:5555",
        "TCP://127.0.0.1:5555",
        "ipc://run/x",
        "ipc://*",
        "ipc://@srstream",
        "ipc:///run/",
        "ipc:///run/a\0b",
        "udp://127.0.0.1:5555",
        "inproc://frames",
        "pgm://224.0.0.1:5555",
        "ws://127.0.0.1:5555",
    ],
)
def test_what_is_no_endpoint_is_refused_on_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed: |no address") as refusal:
        read_endpoint(text)
    assert "\n" not in str(refusal.value)


def test_the_path_of_a_socket_has_as_many_bytes_as_linux_takes() -> None:
    read_endpoint("ipc:///" + "a" * 106)
    with pytest.raises(ValueError, match="108 bytes; allowed: up to 107"):
        read_endpoint("ipc:///" + "a" * 105 + "é")


def test_a_star_says_where_to_bind_only() -> None:
    assert read_endpoint("tcp://*:5555").is_open
    assert read_endpoint("tcp://127.0.0.1:*").is_open
    assert not read_endpoint("ipc:///run/*").is_open
