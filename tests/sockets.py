"""Sockets for tests: a link on this machine, and peers that ask nothing of a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from srstream.transport.channel import Channel
from srstream.transport.link import Link, link

LOOPBACK = "tcp://127.0.0.1:*"


def local(*endpoints: str, connects: bool = False) -> Link:
    """Return a link in plaintext on this machine."""
    return link(
        endpoints or (LOOPBACK,),
        connects=connects,
        insecure=False,
        curve_key="",
        curve_clients="",
        curve_server="",
        base=Path(),
    )


@contextmanager
def peer(kind: int, endpoint: str, **options: int | bytes) -> Iterator[zmq.Socket[bytes]]:
    """Connect a socket of a context of its own; waits 10 s at most, and leaves at once."""
    context = zmq.Context()
    socket = context.socket(kind)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.RCVTIMEO, 10_000)
    socket.set(zmq.SNDTIMEO, 10_000)
    for name, value in options.items():
        socket.set(getattr(zmq, name), value)
    socket.connect(endpoint)
    try:
        yield socket
    finally:
        socket.close()
        context.term()


async def missed(channel: Channel, at: str, frame: bytes) -> int:
    """Return how many of 100 frames a subscriber gets that reads only in the end.

    Args:
        channel: publishes.
        at: where the subscriber finds it.
        frame: is published.
    """
    with peer(zmq.SUB, at, RCVHWM=1, RCVBUF=65_536) as subscriber:
        subscriber.subscribe(b"")
        while not subscriber.poll(1):
            await channel.send([b"hello"])
        for _ in range(100):
            await channel.send([frame])
            await asyncio.sleep(0.002)

        def read() -> int:
            count = 0
            while (part := subscriber.recv()) != b"end":
                count += part == frame
            return count

        reading = asyncio.create_task(asyncio.to_thread(read))
        while not reading.done():
            await channel.send([b"end"])
            await asyncio.wait([reading], timeout=0.01)
        return reading.result()
