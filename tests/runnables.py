"""A supervisor among fakes: pipelines, what makes them, and sleep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from structlog.typing import EventDict

from fakes import FakeClock, Gate, Tally
from srstream.errors import SourceError
from srstream.runtime.counters import Counters
from srstream.runtime.minder import Phase
from srstream.runtime.supervisor import Supervisor

FAILURE = SourceError("/in: input/output error")


class FakePipeline:
    """Runs until told how to end; ends when drained unless it is `deaf`."""

    def __init__(self, spec: object = None, *, deaf: bool = False) -> None:
        self.counters = Counters()
        self.arrived = 0
        self.backlog = 0
        self.spec = spec
        self.deaf = deaf
        self.on_cancel: Exception | None = None
        """Raised when it is cancelled, as if tidying up went wrong."""
        self.tidies_up: Gate | None = None
        """Waited for when it is cancelled."""
        self.tally = Tally()
        """`run`, `drain`, `over`."""
        self.drained: list[float] = []
        """The seconds it was given."""
        self._fate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def runs(self) -> bool:
        return self.tally["run"] > self.tally["over"]

    async def run(self) -> None:
        assert not self.tally["run"], "a pipeline runs once"
        self.tally.add("run")
        try:
            await self._fate
        except asyncio.CancelledError:
            if self.tidies_up is not None:
                await self.tidies_up.passed()
            if self.on_cancel is not None:
                raise self.on_cancel from None
            raise
        finally:
            self.tally.add("over")

    async def drain(self, within: float) -> None:
        self.drained.append(within)
        self.tally.add("drain")
        if not self.deaf:
            self.end()

    def end(self) -> None:
        if not self._fate.done():
            self._fate.set_result(None)

    def fail(self, error: Exception) -> None:
        self._fate.set_exception(error)

    def leak_a_cancellation(self) -> None:
        """Raise what nobody asked for, as a bug in a part may."""
        self._fate.cancel()


class Maker:
    """Makes fake pipelines, and remembers them by the name of the stream."""

    def __init__(self) -> None:
        self.made: dict[str, list[FakePipeline]] = {}
        self.tally = Tally()
        """Calls by the name of the stream, and `NAME made`."""
        self.errors: dict[str, Exception] = {}
        """Raised for these streams."""
        self.hold: dict[str, Gate] = {}
        """Waited for before these streams are made."""
        self.deaf: set[str] = set()

    async def __call__(self, name: str, spec: object) -> FakePipeline:
        self.tally.add(name)
        if name in self.hold:
            await self.hold[name].passed()
        if name in self.errors:
            raise self.errors[name]
        pipeline = FakePipeline(spec, deaf=name in self.deaf)
        self.made.setdefault(name, []).append(pipeline)
        self.tally.add(f"{name} made")
        return pipeline

    def __getitem__(self, name: str) -> FakePipeline:
        """The one made last."""
        return self.made[name][-1]

    async def running(self, name: str, times: int = 1) -> FakePipeline:
        """Return the pipeline of this run when it runs."""
        await self.tally.reached(f"{name} made", times)
        pipeline = self.made[name][times - 1]
        await pipeline.tally.reached("run")
        return pipeline

    def specs_that_run(self) -> dict[str, object]:
        found = [
            (name, pipeline.spec)
            for name, pipelines in self.made.items()
            for pipeline in pipelines
            if pipeline.runs
        ]
        assert len(found) == len(dict(found)), "a stream runs twice"
        return dict(found)


class FakeSleep:
    """Sleeps until woken; waking takes the clock as far as it would have got."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._more = asyncio.Event()

    @property
    def asleep(self) -> list[float]:
        """The seconds of those who sleep now."""
        return [seconds for seconds, future in self._sleepers if not future.done()]

    async def __call__(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((seconds, future))
        self._more.set()
        await future

    async def asked(self, seconds: float, times: int = 1) -> None:
        """Wait until so many sleep for so long."""
        async with asyncio.timeout(10):
            while self.asleep.count(seconds) < times:
                self._more.clear()
                await self._more.wait()

    async def wake(self, seconds: float) -> None:
        """Wake who sleeps for so long, as soon as somebody does."""
        await self.asked(seconds)
        self._clock.advance(seconds)
        next(f for s, f in self._sleepers if s == seconds and not f.done()).set_result(None)


class Supervised:
    """A supervisor and the fakes around it."""

    def __init__(self) -> None:
        self.make = Maker()
        self.clock = FakeClock()
        self.sleep = FakeSleep(self.clock)
        self.supervisor: Supervisor[object] = Supervisor(
            self.make,
            clock=self.clock,
            sleep=self.sleep,
            log=structlog.get_logger(),
            grace=1000.0,
        )

    @property
    def states(self) -> dict[str, str]:
        return {name: phase.value for name, phase in self.supervisor.states().items()}

    async def start(self, **wanted: object) -> None:
        await self.supervisor.apply(wanted)
        for name in wanted:
            await self.make.running(name)

    async def fail(self, name: str, error: Exception = FAILURE, *, waits: float) -> None:
        """Let a stream fail; returns when it waits to be restarted."""
        self.make[name].fail(error)
        await self.sleep.asked(waits)

    async def fail_for_good(self, name: str, error: Exception = FAILURE) -> None:
        """Let a stream fail as often as it may."""
        for number, delay in enumerate((1.0, 2.0, 4.0, 8.0), start=1):
            (await self.make.running(name, number)).fail(error)
            await self.sleep.wake(delay)
        last = await self.make.running(name, 5)
        last.fail(error)
        await last.tally.reached("over")
        assert self.supervisor.states()[name] is Phase.DOWN


@asynccontextmanager
async def supervised() -> AsyncIterator[Supervised]:
    """Stop what still runs in the end."""
    parts = Supervised()
    async with asyncio.timeout(20):
        yield parts
        await parts.supervisor.stop(0.01)


def heard(logs: list[EventDict], event: str) -> list[EventDict]:
    return [log for log in logs if log["event"] == event]
