"""Tells the service manager how the daemon gets on: a thin shell, which beats on the loop.

That it beats at all shows that the loop turns; whether the compute threads get on as well
`Progress` says. Without a manager that listens, nothing is told.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from enum import Enum

from structlog.typing import FilteringBoundLogger

from srstream.runtime.progress import Progress
from srstream.runtime.sdnotify import SdNotify, usec

_BEAT = 1.0
"""Seconds between two beats at most; a quarter of the watchdog's time if that is less."""
_STATUS = 5.0
"""Seconds between two lines of status."""
_MORE_TIME = 30.0
"""Seconds that are asked for with each beat while the daemon starts, reloads or stops."""
_UNWATCHED = 300.0
"""Seconds of standing still, without a watchdog, after which no more time is asked for."""


class _Phase(Enum):
    """How far it is, by the word that tells so."""

    STARTING = None
    READY = "READY"
    RELOADING = "RELOADING"
    STOPPING = "STOPPING"


class Service:
    """What the manager is told, from `starting` to `stopping`."""

    def __init__(
        self,
        notify: SdNotify,
        *,
        still_since: Callable[[], float | None],
        status: Callable[[float], str],
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Tell nothing yet.

        Args:
            notify: the manager.
            still_since: returns since when work stands still; none: it does not.
            status: returns how the streams get on, given the time.
            clock: monotonic seconds.
            log: is told when the watchdog is let go.
            sleep: waits for as many seconds.
        """
        self._notify = notify
        self._still_since = still_since
        self._status = status
        self._clock = clock
        self._sleep = sleep
        self._log = log
        self._limit = notify.watchdog or _UNWATCHED
        self._every = min(_BEAT, self._limit / 4)
        self._progress = Progress(limit=self._limit, every=self._every, now=clock())
        self._phase = _Phase.STARTING
        self._is_told = False
        """The present phase was told."""
        self._note = "starting"
        """Stands before the status."""
        self._status_due = clock()
        self._gave_up = False

    def ready(self, note: str = "") -> None:
        """Say that the work can be done; with a note that stays until the next."""
        self._enter(_Phase.READY, note)

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` ends it."""
        self._enter(_Phase.RELOADING, "reading the configuration again")

    def stopping(self) -> None:
        """Say that what is in hand is finished, and no more."""
        self._enter(_Phase.STOPPING, "stopping")

    async def run(self) -> None:
        """Beat until cancelled."""
        while self._notify:
            try:
                self.beat()
            except Exception:  # the watchdog will end us then, and this says why
                self._log.exception("the service manager cannot be told: this is a bug")
                raise
            await self._sleep(self._every)

    def beat(self) -> None:
        """Say what is to be said at this moment."""
        now = self._clock()
        gets_on = self._progress.look(now, still_since=self._still_since())
        fields = self._news(now) | (self._alive() if gets_on else self._stuck())
        if is_due := now >= self._status_due:
            fields["STATUS"] = ": ".join(filter(None, [self._note, self._status(now)]))
        if fields and self._notify.tell(**fields):
            self._is_told = True
            if is_due:
                self._status_due = now + _STATUS

    def _news(self, now: float) -> dict[str, object]:
        """Return what is to be told of the present phase, until it got there."""
        if self._is_told or self._phase.value is None:
            return {}
        news: dict[str, object] = {self._phase.value: 1}
        if (
            self._phase is _Phase.READY and os.getpid() != 1
        ):  # in a container it says nothing
            news["MAINPID"] = os.getpid()
        if self._phase is _Phase.RELOADING:
            news["MONOTONIC_USEC"] = usec(now)
        return news

    def _alive(self) -> dict[str, object]:
        self._gave_up = False
        fields: dict[str, object] = {}
        if self._notify.watchdog is not None:
            fields["WATCHDOG"] = 1
        if self._phase is not _Phase.READY:
            fields["EXTEND_TIMEOUT_USEC"] = usec(_MORE_TIME)
        return fields

    def _stuck(self) -> dict[str, object]:
        if not self._gave_up:
            self._gave_up = True
            self._log.critical(
                "a compute thread stands still: no more is said to the watchdog",
                seconds=round(self._progress.still, 1),
                limit=self._limit,
            )
        # We are killed at once, and not only when the last word is as old as the limit.
        return {} if self._notify.watchdog is None else {"WATCHDOG": "trigger"}

    def _enter(self, phase: _Phase, note: str) -> None:
        self._phase, self._note = phase, note
        self._is_told = False
        self._status_due = self._clock()
        if self._notify:
            self.beat()
