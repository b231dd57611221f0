"""Messages that are refused: counted by reason, and said now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from srstream.errors import Refused
from srstream.ratelimit import RateLimit


class Refusals:
    """Of one feed."""

    def __init__(self, log: FilteringBoundLogger, clock: Callable[[], float]) -> None:
        """Begin with none.

        Args:
            log: the first of each reason is said at once, later ones at most every 10 s.
            clock: monotonic seconds.
        """
        self.by_reason: Counter[str] = Counter()
        """How many there were."""
        self._log = log
        self._limit = RateLimit(clock)

    def note(self, refused: Refused, *, peer: str, sender: str = "") -> None:
        """Count a refusal.

        Args:
            refused: why.
            peer: the address it came from, if that is known.
            sender: what the sender calls itself, if that is known.
        """
        reason = str(refused.reason)
        self.by_reason[reason] += 1
        number = self._limit.count(reason)
        if number:
            self._log.warning(
                "message refused",
                reason=reason,
                detail=refused.detail or None,
                peer=peer or None,
                sender=sender or None,
                since_last=number,
            )
