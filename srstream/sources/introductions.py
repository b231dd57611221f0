"""The first frame of each sender is said: who is there, from where, in which format."""

from __future__ import annotations

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from srstream.ratelimit import RateLimit
from srstream.wire.message import Message

_KNOWN = 1024
"""Senders that are remembered; the one that was new first is forgotten first."""
_AT_ONCE = 8
"""Lines that may follow each other, as when many cameras begin."""


class Introductions:
    """Of one feed. Names are the senders' own words: there may be any number of them."""

    def __init__(self, log: FilteringBoundLogger, clock: Callable[[], float]) -> None:
        """Begin without knowing anybody.

        Args:
            log: told of eight new senders at once, then of one every 10 s at most.
            clock: monotonic seconds.
        """
        self._log = log
        self._limit = RateLimit(clock, at_once=_AT_ONCE)
        self._known: dict[str, None] = {}

    def note(self, message: Message, *, peer: str) -> None:
        """Say that there is a new sender, if it is one.

        Args:
            message: a frame that was taken.
            peer: the address it came from, if that is known.
        """
        sender = message.origin.sender
        if sender in self._known:
            return
        while len(self._known) >= _KNOWN:
            del self._known[next(iter(self._known))]
        self._known[sender] = None
        number = self._limit.count("new")
        if number:
            self._log.info(
                "new sender",
                sender=sender or None,
                peer=peer or None,
                format=message.format,
                others=number - 1,
            )
