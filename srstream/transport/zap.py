"""Answer ZeroMQ when it asks whether a peer may connect (ZAP, RFC 27 of ZeroMQ)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import zmq
from zmq.utils import z85

from srstream.errors import LinkError
from srstream.transport.clients import Clients
from srstream.transport.limited import LimitedLog
from srstream.transport.readiness import Readiness

DOMAIN = b"srstream"
"""What our sockets say when they ask; without one ZeroMQ would not ask at all."""

_VERSION = b"1.0"
_YES, _LATER, _NO = b"200", b"300", b"400"


@asynccontextmanager
async def doorkeeper(
    context: zmq.Context[zmq.Socket[bytes]], clients: Clients, refused: LimitedLog
) -> AsyncIterator[None]:
    """Let in who has one of these keys; to be open before a socket of the context binds.

    Args:
        context: whose peers are judged.
        clients: is looked at anew for each peer.
        refused: is told of each peer that is not let in, with its address.
    """
    socket = context.socket(zmq.REP)
    socket.set(zmq.LINGER, 0)
    socket.bind("inproc://zeromq.zap.01")
    ready = Readiness(socket)
    task = asyncio.create_task(_answer(socket, ready, clients, refused))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        ready.close()
        socket.close()


async def _answer(
    socket: zmq.Socket[bytes], ready: Readiness, clients: Clients, refused: LimitedLog
) -> None:
    while True:
        await ready.until(zmq.POLLIN)
        try:
            asked = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            continue
        status, text = await _judged(asked, clients, refused)
        # version, number, status, text, user, metadata
        socket.send_multipart([_VERSION, asked[1], status, text, b"", b""])
        ready.look()


async def _judged(
    asked: list[bytes], clients: Clients, refused: LimitedLog
) -> tuple[bytes, bytes]:
    """Return status and text. What is asked comes from ZeroMQ itself."""
    _version, _number, _domain, address, _identity, mechanism, *credentials = asked
    peer = address.decode("ascii", "replace")
    if mechanism != b"CURVE" or len(credentials) != 1:
        refused.count("no key", peer=peer)
        return _NO, b"no key"
    key = z85.encode(credentials[0])
    try:
        wrong = await asyncio.to_thread(clients.refresh)
    except LinkError as error:
        refused.count("the folder of keys cannot be read", peer=peer, error=str(error))
        return _LATER, b"not now"
    for each in wrong:
        refused.count("a file is no key", error=each)
    if key not in clients:
        refused.count("unknown key", peer=peer, key=key.decode("ascii"))
        return _NO, b"unknown key"
    return _YES, b"OK"
