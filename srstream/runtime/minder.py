"""Minds one stream: when it fails it is made anew, until it fails too often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from srstream.errors import DeviceLostError, SrstreamError, StateDirError
from srstream.exits import Exit
from srstream.runtime.counters import Counters
from srstream.runtime.restart import WINDOW, Restart

_PUBLISHING = 0.25
"""Share of the time to stop in that is kept for writing what is upscaled."""
_TIDYING = 2.0
"""Seconds for what tidies up after a cut when the process ends; then it is cut as well."""
_REMEDY = "mend the cause, then reload with SIGHUP or restart srstream"


class Runnable(Protocol):
    """What a pipeline is to those who keep it running. It runs once."""

    @property
    def counters(self) -> Counters:
        """What it has done so far."""
        ...

    @property
    def arrived(self) -> int:
        """Frames that became ready since the start; those already there not counted."""
        ...

    @property
    def backlog(self) -> int:
        """Frames that wait or are in hand."""
        ...

    async def run(self) -> None:
        """Work to the end; whatever it raises is a failure of the stream."""
        ...

    async def drain(self, within: float) -> None:
        """Let `run` end in good order, with as many seconds for the frame in hand."""
        ...


class Phase(Enum):
    """How a stream gets on."""

    RUNNING = "running"
    BACKOFF = "backoff"
    """It waits to be made anew, or is being made."""
    DRAINING = "draining"
    """It was asked to end."""
    DOWN = "down"
    """It failed, and is not started again by itself."""
    ENDED = "ended"
    """Its source ended, or it was asked to end and did."""


class Minder:
    """Runs a stream from when it is made until the stream has ended or stays down."""

    def __init__(
        self,
        stream: str,
        make: Callable[[], Awaitable[Runnable]],
        first: Runnable | None = None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        log: FilteringBoundLogger,
        over: Callable[[], None],
        remedy: str = _REMEDY,
    ) -> None:
        """Start the stream.

        Args:
            stream: the stream's name.
            make: makes a pipeline for each run; what it raises is a failure.
            first: the pipeline of the first run; none: it is made like the others.
            clock: monotonic seconds.
            sleep: waits for as many seconds.
            log: told of every start, end and failure.
            over: called when all is over.
            remedy: what is said of a stream that stays down.
        """
        self.phase = Phase.BACKOFF if first is None else Phase.RUNNING
        self.pipeline = first
        """The one that runs; none between two runs."""
        self.status = Exit.DONE
        """What to say of the stream if the process ends now."""
        self.error: BaseException | None = None
        """What the stream failed with last; none: it never failed."""
        self._make = make
        self._clock = clock
        self._sleep = sleep
        self._log = log.bind(stream=stream)
        self._over = over
        self._remedy = remedy
        self._restart = Restart()
        self._is_cut = False
        self._task = asyncio.create_task(self._mind())
        self._task.add_done_callback(self._note_end)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more, nor will."""
        return self._task.done()

    async def finish(self, grace: float, *, leaving: bool = False) -> None:
        """End in good order, or hard when `grace` seconds have passed.

        Returns when all is over. May be called again meanwhile, with another grace.

        Args:
            grace: seconds.
            leaving: the process ends after this: then what tidies up is not waited for
                either if it takes long. A thread that hangs on a share would keep it for
                ever. (Else nothing new may start beside such a thread.)
        """
        if self.is_over:
            return
        try:
            async with asyncio.timeout(grace):
                if self.pipeline is None:
                    self._task.cancel()
                else:
                    self.phase = Phase.DRAINING
                    await self.pipeline.drain(grace * (1.0 - _PUBLISHING))
                await self._ended()
        except TimeoutError:
            self._cut()
            while not await self._ended(_TIDYING if leaving else None):
                self._task.cancel()

    def _cut(self) -> None:
        # Once: a second cancellation would break off what tidies up after the first.
        if not self._is_cut and self._task.cancel():
            self._is_cut = True
            self.status = max(self.status, Exit.FAILED)
            self._log.error("stream did not stop in time")

    async def _ended(self, within: float | None = None) -> bool:
        """Wait; false when it is not over by then."""
        await asyncio.wait({self._task}, timeout=within)
        return self.is_over

    async def _mind(self) -> None:
        while True:
            self._restart.begun(self._clock())
            try:
                await self._run()
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                    raise
                self.pipeline = None
                self.error = error
                delay = self._failed(error)
            else:
                self.phase = Phase.ENDED
                return
            if delay is None:
                self.phase = Phase.DOWN
                return
            self.phase = Phase.BACKOFF
            await self._sleep(delay)

    async def _run(self) -> None:
        if self.pipeline is None:
            self.pipeline = await self._make()
            self.phase = Phase.RUNNING
        self._log.info("stream started")
        await self.pipeline.run()
        counters = self.pipeline.counters
        self._log.info(
            "stream ended",
            done=counters.done,
            failed=counters.failed.total(),
            reused=counters.reused,
            dropped=counters.dropped,
            lost=counters.lost,
            returned=counters.returned,
        )

    def _failed(self, error: BaseException) -> float | None:
        """Say so; return after how many seconds to try again, none: never."""
        delay = self._restart.failed(self._clock())
        is_too_often = delay is None
        is_leaving = self.phase is Phase.DRAINING or _is_cancelled()
        if is_leaving or isinstance(error, DeviceLostError):
            delay, is_too_often = None, False
        recent = self._restart.recent
        if isinstance(error, SrstreamError):
            self._log.error(
                "stream failed", cause=str(error), restart_in=delay, in_last_minute=recent
            )
        else:
            # A cancellation that nobody asked for, too: the stream would be gone silently.
            self._log.error(
                "stream failed: this is a bug",
                cause=repr(error),
                restart_in=delay,
                in_last_minute=recent,
                exc_info=error,
            )
        if is_too_often:
            self._log.error(
                "stream stays down",
                failures=recent,
                within=WINDOW,
                remedy=self._remedy,
            )
        if delay is None:
            self.status = max(self.status, _status_after(error))
        return delay

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self.pipeline = None
        if task.cancelled():
            self.phase = Phase.DOWN if self._is_cut else Phase.ENDED
        self._over()


def _is_cancelled() -> bool:
    """Tell whether somebody asked the running task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _status_after(error: BaseException) -> Exit:
    if isinstance(error, DeviceLostError):
        return Exit.DEVICE_LOST
    if isinstance(error, StateDirError):
        return Exit.NO_STATE
    if isinstance(error, SrstreamError):
        return Exit.FAILED
    return Exit.CRASHED
