"""Requests of a router that wait for a reply, and senders who will soon send one. Pure."""

from __future__ import annotations

from collections.abc import Iterator

_ACTIVE = 1.0
"""A sender that was heard within so many seconds is expected to send again."""
_MOST = 4096
"""Senders that are remembered; the one longest silent is forgotten first."""

Envelope = tuple[bytes, ...]


class Unanswered:
    """By the identity that the router gave the sender: each has one request at a time."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Envelope] = {}
        self._heard: dict[bytes, float] = {}

    def came(self, envelope: Envelope, now: float) -> None:
        """Note a request.

        Args:
            envelope: all that goes before a reply; the identity first.
            now: seconds.
        """
        identity = envelope[0]
        for noted in (self._waiting, self._heard):
            noted.pop(identity, None)
            if len(noted) >= _MOST:
                del noted[next(iter(noted))]
        self._waiting[identity] = envelope
        self._heard[identity] = now

    def answered(self, identity: bytes) -> None:
        """Note that a sender has its reply, or gets it otherwise."""
        self._waiting.pop(identity, None)

    def expects(self, now: float) -> bool:
        """Tell whether a sender that is active has no request here."""
        since = now - _ACTIVE
        return any(
            heard >= since and identity not in self._waiting
            for identity, heard in self._heard.items()
        )

    def __iter__(self) -> Iterator[Envelope]:
        return iter(self._waiting.values())
