"""Say what happens often now and then only, with how often it happened."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from srstream.ratelimit import RateLimit


class Warns(Protocol):
    """A logger, or what stands for one in a process that has none."""

    def warning(self, event: str, **details: object) -> object:
        """Say what happened."""
        ...


class LimitedLog:
    """Warns the first time at once, then at most every ten seconds for each reason."""

    def __init__(
        self,
        log: Warns,
        event: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Warn of `event`.

        Args:
            log: where to.
            event: what happened, for all reasons.
            clock: seconds.
        """
        self._log = log
        self._event = event
        self._limit = RateLimit(clock)
        self._counts: Counter[str] = Counter()

    def count(self, reason: str, **details: object) -> None:
        """Count it, and say it unless it was said shortly before.

        Args:
            reason: one of a few.
            details: of this time.
        """
        self._counts[reason] += 1
        times = self._limit.count(reason)
        if times:
            self._log.warning(
                self._event,
                reason=reason,
                **details,
                times=times,
                in_all=self._counts[reason],
            )
