from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import zmq
import zmq.auth

from srstream.errors import LinkError
from srstream.transport.keys import KeyFolder, make_keys, read_public, read_secret


@pytest.fixture
def made(tmp_path: Path) -> KeyFolder:
    return make_keys(tmp_path / "keys")


def test_pyzmq_reads_our_keys(made: KeyFolder) -> None:
    for secret, public in (
        (made.server_secret, made.server),
        (made.client_secret, made.client),
    ):
        pair = zmq.auth.load_certificate(secret)
        assert zmq.auth.load_certificate(public) == (pair[0], None)
        assert pair[1] is not None
        assert zmq.curve_public(pair[1]) == pair[0]


def test_we_read_our_keys(made: KeyFolder) -> None:
    assert read_secret(made.server_secret).public == read_public(made.server)
    assert read_public(made.clients / "client.key") == read_public(made.client)
    assert read_public(made.client) != read_public(made.server)


def test_we_read_keys_of_pyzmq(tmp_path: Path) -> None:
    public, secret = map(Path, zmq.auth.create_certificates(tmp_path, "camera"))
    secret.chmod(0o600)
    pair = read_secret(secret)
    assert (pair.public, pair.secret) == zmq.auth.load_certificate(secret)
    assert read_public(public) == pair.public


def test_nobody_else_reads_secret_keys_or_writes_beside_them(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = make_keys(tmp_path / "keys")
    finally:
        os.umask(before)
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in (made.server.parent, made.clients, made.server_secret)
    }
    assert list(modes.values()) == [0o700, 0o700, 0o600]


def test_what_is_there_is_never_overwritten_and_nothing_is_left_half(
    tmp_path: Path,
) -> None:
    (tmp_path / "client.key").write_text("mine")
    with pytest.raises(LinkError, match=r"client\.key is there already"):
        make_keys(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["client.key"]
    assert (tmp_path / "client.key").read_text() == "mine"


def test_a_folder_where_others_write_takes_no_keys(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(LinkError, match=f"chmod 700 {tmp_path}"):
        make_keys(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_secret_key_that_others_can_read_is_not_used(made: KeyFolder, mode: int) -> None:
    made.server_secret.chmod(mode)
    with pytest.raises(LinkError, match=f"chmod 600 {made.server_secret}"):
        read_secret(made.server_secret)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b'secret-key = "short"\n',
        b'secret-key = "' + b'"' * 40 + b'"\n',
        b'# secret-key = "' + b"a" * 40 + b'"\n',
        b'secret-key = "' + b"~" * 40 + b'"\n',
    ],
)
def test_a_file_that_is_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(LinkError, match=f"{path} has no secret key"):
        read_secret(path)
    with pytest.raises(LinkError, match=f"{path} has no public key"):
        read_public(path)


def test_what_is_no_file_is_named_without_waiting(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path, tmp_path / "nothing"):
        with pytest.raises(LinkError, match=str(path)):
            read_public(path)
