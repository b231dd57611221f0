"""Sockets of ZeroMQ as we want them: bounded, patient, and gone when they are closed."""

from __future__ import annotations

import asyncio
import errno
import socket as plain_sockets
import stat
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import zmq

from srstream.errors import LinkError
from srstream.transport.contracts import Kind
from srstream.transport.endpoints import Endpoint
from srstream.transport.keys import read_public, read_secret
from srstream.transport.link import Link
from srstream.transport.zap import DOMAIN

_KINDS = {
    "router": zmq.ROUTER,
    "pull": zmq.PULL,
    "sub": zmq.SUB,
    "pair": zmq.PAIR,
    "pub": zmq.PUB,
    "push": zmq.PUSH,
    "req": zmq.REQ,
}
_SHORT = 65_536
"""Bytes of a part that a peer may send to a socket that only sends: subscriptions."""
_SEALING = 1024
"""Bytes by which keys make a part longer, or that a handshake has."""
_HANDSHAKE = 10.0
"""Seconds that a peer has to say who it is."""
_CONNECTING = 5.0
"""Seconds after which an address that does not answer is tried anew."""
_LONGEST_BREAK = 2.0
"""Seconds between attempts to connect, at most."""
_PROBING = (30, 10, 3)
"""A peer that is silent for 30 s is probed every 10 s, and given up after 3 probes.

By TCP: ZeroMQ's own heartbeats are not answered while a full queue holds the peer back, and
would cut off whoever is only slow."""
_SLACK = 1.0
"""Seconds beyond the linger that closing may take."""

_REMEDIES = {
    errno.EADDRINUSE: "another process listens there: stop it or name another port",
    errno.EACCES: "it is not permitted: take a port above 1023, or a folder of our own",
    errno.ENODEV: "there is no such interface: name an address of this machine",
    errno.EADDRNOTAVAIL: "no interface has this address: name one of this machine",
    errno.ENOENT: "its folder is missing: make it",
}


@asynccontextmanager
async def contexts(linger: float) -> AsyncIterator[zmq.Context[zmq.Socket[bytes]]]:
    """Open a context; wait in the end for what its sockets still send, but not for ever.

    Args:
        linger: seconds that its sockets were given when they were closed.
    """
    context = zmq.Context()
    try:
        yield context
    finally:
        await _ended(context, linger + _SLACK)


async def _ended(context: zmq.Context[zmq.Socket[bytes]], seconds: float) -> None:
    """End a context on a thread of its own: it blocks until all its sockets are gone."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def end() -> None:
        context.term()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=end, name="zmq-end", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ended.wait()


def configure(
    context: zmq.Context[zmq.Socket[bytes]],
    kind: Kind,
    *,
    hold: int,
    max_bytes: int,
    topics: Sequence[bytes] = (b"",),
) -> zmq.Socket[bytes]:
    """Make a socket that is neither bound nor connected yet.

    Args:
        context: its context.
        kind: of socket.
        hold: messages that wait in each direction for each peer.
        max_bytes: of a part that is received.
        topics: of `sub`.
    """
    socket = context.socket(_KINDS[kind])
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.SNDHWM, hold)
    socket.set(zmq.RCVHWM, hold)
    longest = _SHORT if kind in {"pub", "push"} else max_bytes
    socket.set(zmq.MAXMSGSIZE, longest + _SEALING)
    socket.set(zmq.HANDSHAKE_IVL, round(_HANDSHAKE * 1000))
    socket.set(zmq.CONNECT_TIMEOUT, round(_CONNECTING * 1000))
    socket.set(zmq.RECONNECT_IVL_MAX, round(_LONGEST_BREAK * 1000))
    idle, interval, count = _PROBING
    socket.set(zmq.TCP_KEEPALIVE, 1)
    socket.set(zmq.TCP_KEEPALIVE_IDLE, idle)
    socket.set(zmq.TCP_KEEPALIVE_INTVL, interval)
    socket.set(zmq.TCP_KEEPALIVE_CNT, count)
    if kind == "router":
        socket.set(zmq.ROUTER_MANDATORY, 1)  # tells when a sender is gone
    elif kind == "req":
        # A reply that was lost does not end it, and a late one is not taken for another's.
        socket.set(zmq.REQ_RELAXED, 1)
        socket.set(zmq.REQ_CORRELATE, 1)
    elif kind == "sub":
        for topic in topics:
            socket.subscribe(topic)
    return socket


def secure(socket: zmq.Socket[bytes], link: Link) -> None:
    """Give a socket its keys, where the link has them; before it is bound or connected.

    Raises:
        LinkError: a key cannot be used; names the file and the remedy.
    """
    if link.curve_key is None:
        return
    own = read_secret(link.curve_key)
    socket.set(zmq.CURVE_PUBLICKEY, own.public)
    socket.set(zmq.CURVE_SECRETKEY, own.secret)
    if link.curve_server is not None:
        socket.set(zmq.CURVE_SERVERKEY, read_public(link.curve_server))
        return
    socket.set(zmq.CURVE_SERVER, 1)
    socket.set(zmq.ZAP_DOMAIN, DOMAIN)
    socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)  # nobody is let in unasked


def attach(socket: zmq.Socket[bytes], link: Link) -> tuple[str, ...]:
    """Bind or connect to all endpoints.

    Returns:
        Where it is bound in fact; nothing for one that connects.

    Raises:
        LinkError: names the endpoint and the remedy.
    """
    bound = []
    for endpoint in link.endpoints:
        socket.set(zmq.IPV6, int(endpoint.is_ipv6))  # counts for the next endpoint only
        try:
            if link.connects:
                socket.connect(endpoint.text)
                continue
            if endpoint.kind == "ipc":
                _make_room(Path(endpoint.text.removeprefix("ipc://")))
            socket.bind(endpoint.text)
            bound.append(socket.getsockopt_string(zmq.LAST_ENDPOINT))
        except OSError as error:
            raise LinkError(_told(endpoint, error, connects=link.connects)) from error
        except zmq.ZMQError as error:
            raise LinkError(_told(endpoint, error, connects=link.connects)) from error
    return tuple(bound)


def _told(endpoint: Endpoint, error: OSError | zmq.ZMQError, *, connects: bool) -> str:
    verb = "connect to" if connects else "bind"
    number = error.errno or 0
    remedy = _REMEDIES.get(number) or error.strerror or str(error)
    return f"cannot {verb} {endpoint.text}: {remedy}"


def _make_room(path: Path) -> None:
    """Look before binding: ZeroMQ deletes whatever has this name, also a file in use.

    Raises:
        OSError: something else is there, or somebody listens.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return  # also where the folder is missing: ZeroMQ says so
    if not stat.S_ISSOCK(status.st_mode):
        raise FileExistsError(errno.EEXIST, "a file that is no socket is there: remove it")
    with plain_sockets.socket(plain_sockets.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return  # left behind by a process that died
        except BlockingIOError:
            pass  # its queue of connections is full: somebody listens
        raise OSError(errno.EADDRINUSE, "somebody listens")
