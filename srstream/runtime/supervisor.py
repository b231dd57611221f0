"""All streams together: one that fails does not take the others along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from structlog.typing import FilteringBoundLogger

from srstream.errors import SrstreamError
from srstream.runtime.monitor import Monitor
from srstream.runtime.pipeline import Pipeline

_LOOK = 5.0
"""Seconds between two looks at the streams."""
_PUBLISHING = 0.25
"""Share of the time to stop in that is kept for writing what is upscaled."""


class Supervisor:
    """Runs pipelines, each once, and ends when all of them have ended."""

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline],
        *,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        self._pipelines = pipelines
        self._clock = clock
        self._log = log
        self._running: dict[str, asyncio.Task[bool]] = {}

    async def run(self) -> int:
        """Run all streams to their ends; return how many ended with an error."""
        async with asyncio.TaskGroup() as group:
            monitor = group.create_task(self._monitor())
            self._running = {
                name: group.create_task(self._keep(name, pipeline))
                for name, pipeline in self._pipelines.items()
            }
            if self._running:
                await asyncio.wait(self._running.values())
            monitor.cancel()
        return sum(task.cancelled() or not task.result() for task in self._running.values())

    async def stop(self, grace: float) -> None:
        """End all streams in good order, or hard when `grace` seconds have passed.

        `run` returns when they have ended; this returns by then or when the time is up.
        """
        within = grace * (1.0 - _PUBLISHING)
        try:
            async with asyncio.timeout(grace), asyncio.TaskGroup() as group:
                for pipeline in self._pipelines.values():
                    group.create_task(pipeline.drain(within))
        except TimeoutError:
            for name, task in self._running.items():
                if task.cancel():
                    self._log.error("stream did not stop in time", stream=name)

    async def _keep(self, name: str, pipeline: Pipeline) -> bool:
        """Run one stream; true when it ended without an error."""
        self._log.info("stream started", stream=name)
        try:
            await pipeline.run()
        except SrstreamError as error:
            self._log.error("stream failed", stream=name, cause=str(error))
            return False
        except Exception:  # noqa: BLE001 - a bug in one stream leaves the others
            self._log.exception("stream failed: this is a bug", stream=name)
            return False
        counters = pipeline.counters
        self._log.info(
            "stream ended",
            stream=name,
            done=counters.done,
            failed=counters.failed.total(),
            returned=counters.returned,
        )
        return True

    async def _monitor(self) -> None:
        monitor = Monitor(self._pipelines, now=self._clock(), log=self._log)
        while True:
            await asyncio.sleep(_LOOK)
            monitor.look(self._clock())
