"""What a socket of ours can do, and what it receives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["router", "pull", "sub", "pair", "pub", "push", "req"]
Part: TypeAlias = bytes | memoryview

MOST_PARTS = 8
"""Parts of a message that are kept, the envelope not counted. No message of ours has as
many, so that one with more is refused for their number; what is beyond is thrown away."""

STOPPING = b"refused: stopping"
"""The reply to frames that are not taken any more, as we are about to end."""


@dataclass(frozen=True, slots=True)
class Received:
    """A whole message."""

    peer: str
    """The address of who sent it, for messages; empty where it is not known."""
    envelope: tuple[bytes, ...]
    """Of a router: what goes before the parts of a reply: all up to the empty part, or
    where there is none the identity alone."""
    parts: tuple[memoryview, ...]
    """Views that keep their memory; nothing was copied. At most `MOST_PARTS`."""


class Channel(Protocol):
    """A socket of ZeroMQ on the event loop."""

    async def receive(self) -> Received:
        """Return the next message, of `req` the reply. A wait that is cancelled loses none.

        Lets others run before each message.
        """
        ...

    async def send(self, parts: Sequence[Part], *, within: float | None = None) -> bool:
        """Send without copying large parts; false when there was no place in that time.

        Args:
            parts: all of one message; what they view must not change any more.
            within: seconds; none: for ever; 0: at once or not at all. PUB never waits.
        """
        ...

    async def reply(self, to: Received, parts: Sequence[Part]) -> bool:
        """Answer at once: of a router to this sender, of a pair to the peer.

        Returns:
            False when the peer is known to be gone, or takes nothing now.
        """
        ...

    async def farewell(self, replies: Sequence[tuple[Received, Sequence[Part]]]) -> None:
        """Answer for the last time, and close the socket in the same breath.

        A sender that is answered sends its next message at once; were the connection to
        end a moment later, that message would be lost, and its sender wait for ever.
        """
        ...

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it is bound in fact: with the port that a `*` became."""
        ...
