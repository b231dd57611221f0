"""One socket, opened: direct, or behind a relay.

A relay stands before sockets that strangers reach, and may die of them; and before those
that serve REQ senders in plaintext, to answer them when we die: see `relayed.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import zmq
from structlog.typing import FilteringBoundLogger

from srstream.transport.clients import Clients
from srstream.transport.contracts import (
    MOST_PARTS,
    STOPPING,
    Channel,
    Kind,
    Part,
    Received,
)
from srstream.transport.direct import DirectChannel
from srstream.transport.handshakes import FAILED, watched
from srstream.transport.limited import LimitedLog
from srstream.transport.link import Link
from srstream.transport.relay import relayed
from srstream.transport.sockets import attach, configure, contexts, secure
from srstream.transport.zap import doorkeeper


@asynccontextmanager
async def opened(
    kind: Kind,
    link: Link,
    *,
    hold: int,
    max_bytes: int,
    log: FilteringBoundLogger,
    topics: Sequence[bytes] = (b"",),
    linger: float = 1.0,
) -> AsyncIterator[Channel]:
    """Open a socket; closes it in the end, when replies are out or `linger` is over.

    Args:
        kind: of socket.
        link: how it is reached.
        hold: messages that wait in each direction for each peer; set before binding.
        max_bytes: a longer part cuts its peer off (`MAXMSGSIZE`).
        log: is told what the transport meets: refused peers, a relay that died.
        topics: of `sub`.
        linger: seconds.

    Raises:
        LinkError: it cannot be bound, or keys cannot be used; names endpoint or file, and
            the remedy.
    """
    async with AsyncExitStack() as stack:
        serves = kind == "router" and not link.connects and link.curve_key is None
        if link.is_exposed or serves:
            yield await stack.enter_async_context(
                relayed(
                    kind,
                    link,
                    hold=hold,
                    max_bytes=max_bytes,
                    log=log,
                    topics=topics,
                    linger=linger,
                )
            )
            return
        context = await stack.enter_async_context(contexts(linger))
        if link.curve_clients is not None:
            await stack.enter_async_context(_admission(context, link.curve_clients, log))
        socket = configure(context, kind, hold=hold, max_bytes=max_bytes, topics=topics)
        channel = DirectChannel(kind, socket, linger=linger)
        stack.callback(channel.close)
        secure(socket, link)
        failed = LimitedLog(log, FAILED)
        await stack.enter_async_context(watched(socket, failed, connects=link.connects))
        channel.endpoints = attach(socket, link)
        yield channel


@asynccontextmanager
async def _admission(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path, log: FilteringBoundLogger
) -> AsyncIterator[None]:
    """Let those in whose public keys are in a folder.

    Raises:
        LinkError: the folder cannot be read.
    """
    clients = Clients(folder)
    for wrong in await asyncio.to_thread(clients.refresh):
        log.warning("a file is no key", error=wrong)
    if not clients:
        log.warning("nobody may connect: the folder has no keys", folder=str(folder))
    async with doorkeeper(context, clients, LimitedLog(log, "peers were refused")):
        yield


__all__ = ["MOST_PARTS", "STOPPING", "Channel", "Kind", "Part", "Received", "opened"]
