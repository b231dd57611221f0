"""CURVE on loopback: who has a right key comes in, and nobody else."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import structlog
import zmq
import zmq.auth
from structlog.testing import capture_logs

from sockets import LOOPBACK, peer
from srstream.errors import LinkError
from srstream.transport.channel import Channel, opened
from srstream.transport.keys import KeyFolder, make_keys, read_public, read_secret
from srstream.transport.link import Link, link
from zmtp import flood

pytestmark = pytest.mark.integration

LOG = structlog.get_logger()


@pytest.fixture
def made(tmp_path: Path) -> KeyFolder:
    return make_keys(tmp_path / "keys")


def binding(made: KeyFolder) -> Link:
    return link(
        [LOOPBACK],
        connects=False,
        insecure=False,
        curve_key=str(made.server_secret),
        curve_clients=str(made.clients),
        curve_server="",
    )


def connecting(made: KeyFolder, endpoint: str, secret: Path | None = None) -> Link:
    return link(
        [endpoint],
        connects=True,
        insecure=False,
        curve_key=str(secret or made.client_secret),
        curve_clients="",
        curve_server=str(made.server),
    )


def listening(made: KeyFolder) -> AbstractAsyncContextManager[Channel]:
    return opened("pull", binding(made), hold=4, max_bytes=10**6, log=LOG)


def pushing(at: Link) -> AbstractAsyncContextManager[Channel]:
    return opened("push", at, hold=4, max_bytes=99, log=LOG, linger=0.1)


async def heard(channel: Channel) -> bytes:
    return bytes((await channel.receive()).parts[0])


async def said(lines: list[Any], event: str, *reasons: str) -> dict[str, Any]:
    """Return the line of the log with a reason that begins so, once it is there."""
    while True:
        for line in lines:
            if line["event"] == event and line["reason"].startswith(reasons):
                return dict(line)
        await asyncio.sleep(0.01)


async def test_a_key_of_the_folder_comes_in(made: KeyFolder) -> None:
    async with (
        asyncio.timeout(10),
        listening(made) as channel,
        pushing(connecting(made, channel.endpoints[0])) as sender,
    ):
        await sender.send([b"hello"])
        assert await heard(channel) == b"hello"


async def test_another_key_is_refused_and_named_with_its_address(
    made: KeyFolder, tmp_path: Path
) -> None:
    other = make_keys(tmp_path / "other")
    with capture_logs() as lines:
        async with asyncio.timeout(10), listening(made) as channel:
            (at,) = channel.endpoints
            async with (
                pushing(connecting(made, at, other.client_secret)) as bad,
                pushing(connecting(made, at)) as good,
            ):
                await bad.send([b"bad"])
                await good.send([b"good"])
                assert await heard(channel) == b"good"
                line = await said(lines, "peers were refused", "unknown key")
                assert line["peer"] == "127.0.0.1"
                assert line["key"] == read_public(other.client).decode()
                await said(lines, "handshakes failed", "refused")


async def test_plaintext_is_refused(made: KeyFolder) -> None:
    with capture_logs() as lines:
        async with asyncio.timeout(10), listening(made) as channel:
            (at,) = channel.endpoints
            with peer(zmq.PUSH, at) as bad:
                bad.send(b"bad")
                async with pushing(connecting(made, at)) as good:
                    await good.send([b"good"])
                    assert await heard(channel) == b"good"
                await said(lines, "handshakes failed", "broken off", "not understood")


async def test_a_flood_without_a_key_does_not_begin(made: KeyFolder) -> None:
    with capture_logs():
        async with asyncio.timeout(10), listening(made) as channel:
            (at,) = channel.endpoints
            assert await asyncio.to_thread(flood, at, 10**9) == 0
            async with pushing(connecting(made, at)) as good:
                await good.send([b"good"])
                assert await heard(channel) == b"good"


async def test_who_expects_another_server_tells_it_nothing(
    made: KeyFolder, tmp_path: Path
) -> None:
    other = make_keys(tmp_path / "other")
    with capture_logs() as lines:
        async with asyncio.timeout(10), listening(made) as channel:
            mistaken = connecting(other, channel.endpoints[0], made.client_secret)
            async with pushing(mistaken) as sender:
                await sender.send([b"not for you"])
                await said(lines, "handshakes failed", "broken off")


async def test_a_key_that_is_added_or_removed_counts_without_a_restart(
    made: KeyFolder, tmp_path: Path
) -> None:
    other = make_keys(tmp_path / "other")
    with capture_logs() as lines:
        async with asyncio.timeout(10), listening(made) as channel:
            (at,) = channel.endpoints
            shutil.copy(other.client, made.clients / "other.key")
            async with pushing(connecting(made, at, other.client_secret)) as sender:
                await sender.send([b"added"])
                assert await heard(channel) == b"added"
            (made.clients / "other.key").unlink()
            async with pushing(connecting(made, at, other.client_secret)) as sender:
                await sender.send([b"removed"])
                await said(lines, "peers were refused", "unknown key")


async def test_a_plain_socket_with_keys_of_pyzmq_is_a_peer_like_any_other(
    made: KeyFolder, tmp_path: Path
) -> None:
    public, secret = zmq.auth.create_certificates(tmp_path, "camera")
    shutil.copy(public, made.clients)
    own = zmq.auth.load_certificate(secret)
    assert own[1] is not None
    async with asyncio.timeout(10), listening(made) as channel:
        options = {
            "CURVE_PUBLICKEY": own[0],
            "CURVE_SECRETKEY": own[1],
            "CURVE_SERVERKEY": read_secret(made.server_secret).public,
        }
        with peer(zmq.PUSH, channel.endpoints[0], **options) as sender:
            sender.send(b"hello")
            assert await heard(channel) == b"hello"


async def test_keys_that_cannot_be_used_are_named_before_anything_is_bound(
    made: KeyFolder,
) -> None:
    made.server_secret.chmod(0o644)
    with pytest.raises(LinkError, match=f"chmod 600 {made.server_secret}"):
        async with listening(made):
            pass
    made.server_secret.chmod(0o600)
    shutil.rmtree(made.clients)
    with pytest.raises(LinkError, match=str(made.clients)):
        async with listening(made):
            pass
