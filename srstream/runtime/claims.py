"""Packets that were taken from a source and are not settled yet, with their numbers.

Whoever knows what became of a packet settles it. What is left when the tasks of a pipeline
have ended is given back in one place. To a feed that is a loss.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from srstream.ports import Packet, Verdict
from srstream.runtime.counters import Counters


@dataclass(slots=True, eq=False)
class _Claim:
    packet: Packet
    seq: int | None = None
    """None: it has no number yet."""


class Claims:
    """Settles every packet once."""

    def __init__(
        self, counters: Counters, log: FilteringBoundLogger, *, of_feed: bool
    ) -> None:
        """Hold nothing yet.

        Args:
            counters: the stream's; what is given back is counted here.
            log: the stream's.
            of_feed: what is given back is lost.
        """
        self._counters = counters
        self._log = log
        self._of_feed = of_feed
        self._held: dict[int, _Claim] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, packet: Packet) -> None:
        """Hold a packet from now on."""
        self._held[id(packet)] = _Claim(packet)

    def number(self, packet: Packet, seq: int) -> None:
        """Note the number of a packet's frame."""
        self._held[id(packet)].seq = seq

    def numbers(self, after: int) -> list[int]:
        """Return the numbers of all that is held; what has none gets one above `after`.

        Numbers are left out for what was dropped just before it.
        """
        seqs = []
        for claim in self._held.values():
            if claim.seq is None:
                after += 1 + claim.packet.skipped
                self._counters.dropped += claim.packet.skipped
                claim.seq = after
            seqs.append(claim.seq)
        return seqs

    async def settle(self, packet: Packet, verdict: Verdict) -> None:
        """Tell what became of a packet."""
        del self._held[id(packet)]
        await packet.done(verdict)

    async def give_back(self, packet: Packet) -> None:
        """Let the source offer it again, if it can."""
        if self._of_feed:
            self._counters.lost += 1
        else:
            self._counters.returned += 1
        await self.settle(packet, Verdict.RETURNED)

    async def give_all_back(self) -> None:
        """Give back whatever is held; what goes wrong is only said."""
        packets = tuple(claim.packet for claim in self._held.values())
        results = await asyncio.gather(
            *(self.give_back(packet) for packet in packets), return_exceptions=True
        )
        for packet, error in zip(packets, results, strict=True):
            if error is not None:
                # Not raised: it would hide what ended the stream.
                self._log.error(
                    "frame could not be given back",
                    source=packet.source,
                    reason=repr(error),
                )
