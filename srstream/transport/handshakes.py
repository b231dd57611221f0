"""Peers that never became peers: wrong or no keys, another protocol, garbage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import zmq
from zmq.utils.monitor import parse_monitor_message

from srstream.transport.limited import LimitedLog
from srstream.transport.readiness import Readiness

FAILED = "handshakes failed"

_PROTOCOL = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
_AUTH = zmq.EVENT_HANDSHAKE_FAILED_AUTH
_ELSE = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
_REASONS: dict[int, str] = {
    _PROTOCOL: "not understood: one side has no keys, or does not speak ZeroMQ",
    _AUTH: "refused: the other side does not know our key",
    _ELSE: "broken off: keys are missing or wrong, or it was not ZeroMQ",
}


def monitored(socket: zmq.Socket[bytes], *, connects: bool) -> zmq.Socket[bytes]:
    """Return a socket that tells of handshakes of another that fail.

    Args:
        socket: is not bound or connected yet.
        connects: else it binds, and its doorkeeper tells of unknown keys.
    """
    events = _PROTOCOL | _ELSE | (_AUTH if connects else 0)
    return socket.get_monitor_socket(events)


def failure(message: Sequence[bytes]) -> tuple[str, str]:
    """Return the reason, and our endpoint. ZeroMQ does not tell with whom it was."""
    event = parse_monitor_message(list(message))
    reason = _REASONS.get(int(event["event"]), "for another reason")
    return reason, event["endpoint"].decode("utf-8", "replace")


@asynccontextmanager
async def watched(
    socket: zmq.Socket[bytes], failed: LimitedLog, *, connects: bool
) -> AsyncIterator[None]:
    """Count handshakes of a socket that fail.

    Args:
        socket: is not bound or connected yet; closed after this, or already.
        failed: is told of each.
        connects: else it binds.
    """
    monitor = monitored(socket, connects=connects)
    ready = Readiness(monitor)
    task = asyncio.create_task(_count(monitor, ready, failed))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        ready.close()
        if not socket.closed:
            socket.disable_monitor()
        monitor.close(0)


async def _count(monitor: zmq.Socket[bytes], ready: Readiness, failed: LimitedLog) -> None:
    while True:
        await ready.until(zmq.POLLIN)
        try:
            reason, endpoint = failure(monitor.recv_multipart(zmq.NOBLOCK))
        except zmq.Again:
            continue
        failed.count(reason, endpoint=endpoint)
