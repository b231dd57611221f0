from __future__ import annotations

from pathlib import Path

import pytest
import zmq
import zmq.auth

from srstream.errors import LinkError
from srstream.transport.clients import MOST, Clients


def added(folder: Path, name: str) -> bytes:
    public, secret = zmq.auth.create_certificates(folder, name)
    Path(secret).unlink()
    return zmq.auth.load_certificate(public)[0]


def test_the_folder_counts_as_it_is_now(tmp_path: Path) -> None:
    clients = Clients(tmp_path)
    assert clients.refresh() == []
    assert len(clients) == 0
    first = added(tmp_path, "first")
    clients.refresh()
    assert first in clients
    second = added(tmp_path, "second")
    (tmp_path / "first.key").unlink()
    clients.refresh()
    assert first not in clients
    assert second in clients
    assert len(clients) == 1


def test_a_key_that_is_replaced_counts_no_more(tmp_path: Path) -> None:
    clients = Clients(tmp_path)
    old = added(tmp_path, "camera")
    clients.refresh()
    new = added(tmp_path, "camera")
    clients.refresh()
    assert old not in clients
    assert new in clients


def test_what_is_no_key_is_told_once_and_passed_over(tmp_path: Path) -> None:
    clients = Clients(tmp_path)
    (tmp_path / "bad.key").write_text("nonsense")
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / "gone.key").symlink_to(tmp_path / "nowhere")
    good = added(tmp_path, "good")
    wrong = clients.refresh()
    assert len(wrong) == 2
    assert any("bad.key has no public key" in each for each in wrong)
    assert good in clients
    assert clients.refresh() == []


def test_a_folder_that_cannot_be_trusted_lets_nobody_in(tmp_path: Path) -> None:
    key = added(tmp_path, "camera")
    clients = Clients(tmp_path)
    clients.refresh()
    tmp_path.chmod(0o777)
    with pytest.raises(LinkError, match=f"chmod o-w {tmp_path}"):
        clients.refresh()
    assert key not in clients


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=f"{tmp_path}/none: No such file"):
        Clients(tmp_path / "none").refresh()


def test_more_keys_than_anybody_has_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0").touch()
    for number in range(MOST + 1):
        (tmp_path / f"{number}.key").hardlink_to(tmp_path / "0")
    with pytest.raises(LinkError, match="more than 4096"):
        Clients(tmp_path).refresh()
