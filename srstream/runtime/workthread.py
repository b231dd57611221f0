"""One thread that works for many tasks: in slices, fair between them.

Work is a generator that yields between its slices. Between any two of them the thread
looks whether it must stop and whether somebody stopped waiting; such work is closed,
which raises `GeneratorExit` inside it, on this thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

import structlog

from srstream.runtime.fairshare import FairShare

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

Slices: TypeAlias = Generator[None, None, Result]
"""Work that may be interrupted wherever it yields, and returns its result."""

_CALLS = object()
"""The key under which calls share the thread with everything else."""
_OWED = 0.1
"""Seconds that a key without work must be owed for the thread to wait for it."""
_LONGEST_NAME = 15
"""Bytes of a thread's name that the kernel keeps."""
_MOMENT = 0.05
"""Seconds that the thread waits for it."""


class ThreadClosedError(RuntimeError):
    """The thread does no more work; the cause says why, unless it was simply closed."""


class WorkThread:
    """A thread of its own, not one of a pool: torch keeps caches per thread.

    It is a daemon thread, so that a slice that hangs does not keep the process alive.
    """

    def __init__(
        self,
        name: str,
        *,
        prepare: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._prepare = prepare
        self._clock = clock
        self._log = structlog.get_logger().bind(thread=name)
        self._changed = threading.Condition()
        # Guarded by the condition:
        self._jobs: dict[Hashable, deque[_Job]] = {}
        self._dropped: list[_Job] = []
        self._share: FairShare[Hashable] = FairShare()
        self._moved = 0.0
        self._closing = False
        self._cause: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def still_since(self) -> float | None:
        """Since when there is work and no slice began or ended; none: there is no work.

        By the clock. That slices are long makes it old, and so does a thread that hangs
        between them.
        """
        return self._moved if self._jobs else None

    async def call(
        self, function: Callable[[*Arguments], Result], *arguments: *Arguments
    ) -> Result:
        """Run a function on the thread, in one piece.

        Raises:
            ThreadClosedError: the thread was closed before it was done.
        """
        return await self.run(_CALLS, _in_one_piece(function, *arguments))

    async def run(self, key: Hashable, slices: Slices[Result]) -> Result:
        """Run work in slices; work under the same key is done one after the other.

        Raises:
            ThreadClosedError: the thread was closed before it was done.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        job = _Job(key, slices, loop, future)
        with self._changed:
            if self._closing:
                raise self._closed()
            if not self._jobs:
                self._moved = self._clock()
            self._jobs.setdefault(key, deque()).append(job)
            self._share.wake(key)
            self._changed.notify()
        try:
            return await future
        except asyncio.CancelledError:
            with self._changed:
                self._dropped.append(job)
                self._changed.notify()
            raise

    def close(self, within: float) -> bool:
        """Stop after the present slice and drop all work; true when that is done.

        Blocks for up to `within` seconds. Whoever waits for work then gets
        `ThreadClosedError`, even when the present slice hangs.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(within)
        for job in self._all_jobs():
            job.fail(self._closed())
        return not self._thread.is_alive()

    def _work(self) -> None:
        _name_thread(self.name)
        try:
            if self._prepare is not None:
                self._prepare()
            # Nothing is kept in a variable here: it would hold a frame while waiting.
            while self._turn():
                pass
        except BaseException as error:  # noqa: BLE001 - told to everyone who waits
            self._cause = error
        with self._changed:
            self._closing = True
        for job in self._all_jobs():
            self._abandon(job)
            job.fail(self._closed())

    def _turn(self) -> bool:
        """Wait for work and do one slice; false when it is time to stop."""
        with self._changed:
            self._await_work()
            if self._closing:
                return False
            dropped = [job for job in self._dropped if self._holds(job)]
            self._dropped.clear()
            for job in dropped:
                self._remove(job)
            turn = self._jobs[self._share.pick()][0] if self._jobs else None
        for job in dropped:
            self._abandon(job)
        if turn is not None:
            self._slice(turn)
        return True

    def _await_work(self) -> None:
        self._changed.wait_for(lambda: self._closing or self._dropped or self._jobs)
        # A stream has no work for a moment between any two of its frames. If another
        # took its long slice in each of these moments, it would never get its share.
        if self._jobs and not self._changed.wait_for(
            lambda: self._closing or self._dropped or self._share.owed() < _OWED,
            _MOMENT,
        ):
            self._share.dismiss()

    def _slice(self, job: _Job) -> None:
        tell: Callable[[], None] | None = None
        started = self._moved = self._clock()
        try:
            next(job.slices)
        except StopIteration as stop:
            tell = partial(job.succeed, stop.value)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for it
            tell = partial(job.fail, error)
        self._moved = self._clock()
        with self._changed:
            self._share.used(job.key, self._moved - started)
            if tell is not None:
                self._remove(job)
        if tell is not None:
            tell()

    def _abandon(self, job: _Job) -> None:
        try:
            job.slices.close()
        except Exception:  # noqa: BLE001 - there is nobody left to tell
            self._log.exception("work could not be dropped cleanly", key=str(job.key))

    def _holds(self, job: _Job) -> bool:
        return job in self._jobs.get(job.key, ())

    def _remove(self, job: _Job) -> None:
        waiting = self._jobs[job.key]
        waiting.remove(job)
        if not waiting:
            del self._jobs[job.key]
            self._share.rest(job.key)

    def _all_jobs(self) -> list[_Job]:
        with self._changed:
            return [job for waiting in self._jobs.values() for job in waiting]

    def _closed(self) -> ThreadClosedError:
        error = ThreadClosedError(f"thread {self.name} is closed")
        error.__cause__ = self._cause
        return error


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Work, and who waits for it in which loop."""

    key: Hashable
    slices: Slices[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]

    def succeed(self, result: object) -> None:
        self._tell(partial(self.future.set_result, result))

    def fail(self, error: BaseException) -> None:
        self._tell(partial(self.future.set_exception, error))

    def _tell(self, word: Callable[[], None]) -> None:
        def tell() -> None:
            if not self.future.done():
                word()

        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(tell)


def _name_thread(name: str) -> None:
    """Name the calling thread as `ps -L` and `top -H` show it: 15 bytes of it."""
    with suppress(OSError):
        place = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
        place.write_bytes(name.encode(errors="replace")[:_LONGEST_NAME])


def _in_one_piece(
    function: Callable[[*Arguments], Result], *arguments: *Arguments
) -> Slices[Result]:
    return function(*arguments)
    yield  # makes this a generator
