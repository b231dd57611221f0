"""What a relay and its parent say to each other."""

from __future__ import annotations

from dataclasses import dataclass

from srstream.transport.contracts import Kind

UP, DOWN = "up.sock", "down.sock"
"""Sockets in the parent's folder.

What was received: the epoch, the peer's address, and the parts. What is to be sent:
`MESSAGE` and the parts, of a router with the epoch before the identity; a reply that is
`HELD` goes out with the `END`.

The epoch tells one relay from the next, since ZeroMQ gives the first peer of each process
the same identity: a reply that comes too late would reach another sender."""
MESSAGE, HELD, END = b"m", b"h", b"e"
INNER_HOLD = 2
"""Messages that wait on the way to the parent, and on the way from it."""
REPLIES_HOLD = 1000
"""Replies that wait on the way from it: small, and never to be held back."""
BEYOND = 65_536
"""Bytes of a message that are not of its longest part."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a relay is told at its start."""

    kind: Kind
    endpoints: list[str]
    connects: bool
    hold: int
    max_bytes: int
    topics: list[str]
    """As Latin-1, which any bytes are."""
    folder: str
    memory: int
    """Bytes that it may use (`RLIMIT_DATA`)."""
    linger: float

    @property
    def receives(self) -> bool:
        """Whether messages come in through it."""
        return self.kind not in {"pub", "push"}

    @property
    def waits(self) -> bool:
        """Whether what is to be sent waits for a place; else it is dropped."""
        return self.kind in {"push", "req"}
