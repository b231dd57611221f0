"""Keeps any number of streams running: one that fails does not take the others along.

`apply` is start-up and reload in one: it makes the streams that run those that are wanted.
Each stream has a minder of its own, which restarts it. The status is that of the streams
as they are now: one that was down and runs again after a reload counts no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Generic

from structlog.typing import FilteringBoundLogger

from srstream.exits import Exit
from srstream.runtime.cutoff import Cutoff
from srstream.runtime.minder import Minder, Phase, Runnable
from srstream.runtime.monitor import Monitor
from srstream.runtime.plan import Plan, SpecT, plan

_LOOK = 5.0
"""Seconds between two looks at the streams."""
_IDLE = {Phase.BACKOFF, Phase.DOWN}


class Supervisor(Generic[SpecT]):
    """Runs streams, each with what makes it up, until it is stopped; starts empty."""

    def __init__(
        self,
        make: Callable[[str, SpecT], Awaitable[Runnable]],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        log: FilteringBoundLogger,
        grace: float,
    ) -> None:
        """Start nothing yet.

        Args:
            make: makes a pipeline, not yet running; called for each run of a stream. The
                one before may run still: nothing may be opened here.
            clock: monotonic seconds.
            sleep: waits for as many seconds.
            log: told what becomes of the streams.
            grace: seconds that `apply` gives a stream to end in good order.
        """
        self._make = make
        self._clock = clock
        self._sleep = sleep
        self._log = log
        self._grace = grace
        self._specs: dict[str, SpecT] = {}
        self._minders: dict[str, Minder] = {}
        self._applying = asyncio.Lock()
        self._applies = 0
        """How many calls of `apply` are under way."""
        self._stopping = Cutoff()
        self._changed = asyncio.Event()
        self._monitor: asyncio.Task[None] | None = None

    @property
    def status(self) -> Exit:
        """The worst that is wrong now with any stream; after `wait`, the exit status.

        DEVICE_LOST, NO_STATE (the state folder failed), CRASHED (a bug), FAILED (it stays
        down otherwise, or did not stop in time), DONE, from worst to best.
        """
        # Among these, the worse has the higher number.
        return max((minder.status for minder in self._minders.values()), default=Exit.DONE)

    def states(self) -> Mapping[str, Phase]:
        """How each stream gets on, in the order of what is wanted."""
        return {name: minder.phase for name, minder in self._minders.items()}

    def running(self) -> dict[str, Runnable]:
        """Return the pipelines that run now, by stream."""
        return {
            name: minder.pipeline
            for name, minder in self._minders.items()
            if minder.pipeline is not None
        }

    async def apply(self, wanted: Mapping[str, SpecT]) -> Plan:
        """Let exactly these streams run; return what was done.

        First, all that are new or changed are made: what `make` raises then leaves
        everything as it was, and is raised. Then the changed and those that are no longer
        wanted end, within the grace, before any starts: a new stream may use what an old
        one used. Streams that did not change are not touched if they run or have ended;
        those that stay down or wait to be restarted are started at once.

        One call waits for the other. After `stop`, or when a device is lost, nothing is
        started any more. To be cancelled only in order to stop.
        """
        self._applies += 1
        try:
            async with self._applying:
                return await self._apply(dict(wanted))
        finally:
            self._applies -= 1
            self._changed.set()

    async def wait(self) -> Exit:
        """Wait until no stream runs or will, or a device is lost; return the status."""
        while not self._is_over():
            self._changed.clear()
            await self._changed.wait()
        return self.status

    async def stop(self, grace: float) -> None:
        """End all streams in good order, or hard when `grace` seconds have passed.

        Returns when they have ended. To be called in the end in any case; a second call
        ends what still runs within its own grace.
        """
        self._stopping.set(0.0)
        if self._monitor is not None:
            self._monitor.cancel()
        await _finish(self._minders.values(), grace, leaving=True)

    async def _apply(self, wanted: dict[str, SpecT]) -> Plan:
        # An equal one stays the object it is: a feed is known by what it was made from.
        wanted = {
            name: self._specs[name] if self._specs.get(name) == spec else spec
            for name, spec in wanted.items()
        }
        made: dict[str, Runnable] = {}
        async with self._stopping.move_on():
            for name, spec in wanted.items():
                if name not in self._specs or self._specs[name] != spec:
                    made[name] = await self._make(name, spec)
        if self._is_closing():
            return Plan()
        idle = {name for name, minder in self._minders.items() if minder.phase in _IDLE}
        todo = plan(self._specs, wanted, idle=idle)
        kept = {name: self._minders[name] for name in todo.keep}
        await _finish(
            (self._minders[n] for n in self._minders if n not in kept), self._grace
        )
        if self._is_closing():
            return todo
        self._specs = wanted
        self._minders = {
            name: kept.get(name) or self._mind(name, spec, made.get(name))
            for name, spec in wanted.items()
        }
        if self._monitor is None:
            self._monitor = asyncio.create_task(self._look())
        return todo

    def _mind(self, name: str, spec: SpecT, first: Runnable | None) -> Minder:
        return Minder(
            name,
            partial(self._make, name, spec),
            first,
            clock=self._clock,
            sleep=self._sleep,
            log=self._log,
            over=self._changed.set,
        )

    def _is_over(self) -> bool:
        if self.status is Exit.DEVICE_LOST:
            return True
        return not self._applies and all(m.is_over for m in self._minders.values())

    def _is_closing(self) -> bool:
        return self._stopping.has_come or self.status is Exit.DEVICE_LOST

    async def _look(self) -> None:
        monitor = Monitor(self.running, now=self._clock(), log=self._log)
        while True:
            await self._sleep(_LOOK)
            monitor.look(self._clock())


async def _finish(
    minders: Iterable[Minder], grace: float, *, leaving: bool = False
) -> None:
    async with asyncio.TaskGroup() as group:
        for minder in minders:
            group.create_task(minder.finish(grace, leaving=leaving))
