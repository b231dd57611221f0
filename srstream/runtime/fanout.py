"""A feed whose senders have a stream each: every one is run and minded by itself.

A sender that is silent for long is put aside: its stream ends, which saves its state, and
continues from there when the sender is heard again. A stream that fails too often is tried
anew after a pause; meanwhile its frames wait in their lane, which is bounded.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from srstream.errors import DeviceLostError, SinkError, SourceError, SrstreamError
from srstream.ports import Sender, Senders
from srstream.runtime.counters import Counters
from srstream.runtime.cutoff import Cutoff
from srstream.runtime.minder import Minder, Phase, Runnable
from srstream.runtime.plainly import plainly

LONGEST_NAME = 64
"""Characters of a stream's name."""
_HASHED = 8
"""Hexadecimal digits that tell names apart which were cut."""
_LOOK = 5.0
"""Seconds between two looks for silent senders, at most."""
_PAUSE = 60.0
"""Seconds until a stream that stayed down is tried anew."""
_RETIRING = 30.0
"""Seconds in which the stream of a silent sender must have ended: its state is saved."""
_CUT, _CLOSING = 1.25, 1.3
"""How long after a stop a stream is cut off, and what all write to, as multiples of the
time for the frames."""
_CLOSING_UNASKED = 10.0
"""Seconds that closing what all write to may take after a failure."""
_REMEDY = f"mend the cause; it is tried anew after {_PAUSE:g} s"


class Output(Protocol):
    """What the streams of all senders write to together."""

    async def open(self) -> None:
        """Prepare; called once, before there is any stream. Raises `SinkError`."""
        ...

    async def close(self) -> None:
        """Finish; called once, after all streams. Raises `SinkError`."""
        ...


@dataclass(eq=False)
class _Child:
    """The stream of one sender."""

    name: str
    sender: Sender
    minder: Minder | None = None
    pipeline: Runnable | None = None
    """The one that was made last."""
    made: asyncio.Event = field(default_factory=asyncio.Event)
    """One was made, or could not be."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Its minder is done."""
    ending: Cutoff = field(default_factory=Cutoff)
    """From then on it is not tried anew."""

    @property
    def backlog(self) -> int:
        """Frames that wait or are in hand."""
        runs = self.minder is not None and self.minder.pipeline is not None
        return self.pipeline.backlog if runs and self.pipeline else self.sender.backlog


class FanOut:
    """Runs once, from opening the feed to closing it."""

    def __init__(
        self,
        stream: str,
        *,
        senders: Senders,
        make: Callable[[str, Sender], Awaitable[Runnable]],
        idle: float,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        shared: Sequence[Output] = (),
        tidy: Callable[[Callable[[], Collection[str]]], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Put the parts together; nothing starts yet.

        Args:
            stream: the name that those of the senders' streams begin with.
            senders: the feed.
            make: makes a pipeline, given the name of its stream; for each run of it.
            idle: seconds of silence after which a sender is put aside.
            clock: monotonic seconds.
            log: the stream's name is bound to it here.
            shared: what all pipelines write to; opened and closed here.
            tidy: forgets senders of old, but for the streams that it is told of; called at
                the start, and when senders were put aside.
            sleep: waits for as many seconds.
        """
        self.stream = stream
        self._senders = senders
        self._make = make
        self._idle = idle
        self._clock = clock
        self._child_log = log
        self._log = log.bind(stream=stream)
        self._shared = shared
        self._tidy = tidy
        self._sleep = sleep
        self._past = Counters()
        """Of pipelines that are no more."""
        self._children: list[_Child] = []
        self._lives: dict[str, asyncio.Task[None]] = {}
        """The latest of each name."""
        self._down: dict[str, BaseException] = {}
        """Why the streams of these names stay down."""
        self._end_at: float | None = None
        """The time of the loop when all streams are to have ended; none: not asked to."""
        self._closing = Cutoff()
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def counters(self) -> Counters:
        """What all streams have done so far, those that are no more as well."""
        living = (child.pipeline for child in self._children)
        return Counters.sum([self._past, *(each.counters for each in living if each)])

    @property
    def arrived(self) -> int:
        """Frames that were accepted since the start, of all senders."""
        return self._senders.arrived

    @property
    def backlog(self) -> int:
        """Frames that wait or are in hand, of all senders."""
        return sum(child.backlog for child in self._children)

    async def run(self) -> None:
        """Work until drained, or until the feed ends.

        Raises:
            SourceError: there is nothing to listen to.
            DeviceLostError: at once, from any of the streams.
            Exception: what a stream failed with that was down in the end.
        """
        self._ended.clear()
        try:
            async with AsyncExitStack() as stack:
                for output in self._shared:
                    stack.push_async_callback(self._close, output)
                    await self._open(output)
                senders = await stack.enter_async_context(self._senders.open())
                if self._end_at is not None:
                    self._senders.stop()  # it was not open when it was told so before
                with plainly():
                    async with asyncio.TaskGroup() as group:
                        looking = group.create_task(self._look(group))
                        async for sender in senders:
                            self._begin(sender, group)
                        while self._lives:
                            await asyncio.wait(self._lives.values())
                        looking.cancel()
            for error in self._down.values():
                raise error
        finally:
            self._ended.set()

    async def drain(self, within: float) -> None:
        """End in good order; returns when `run` has ended.

        Accepts no more at once. All that was accepted is finished, of all senders side by
        side, as far as it is possible within as many seconds.
        """
        end_at = asyncio.get_running_loop().time() + within * _CUT
        self._end_at = end_at if self._end_at is None else min(end_at, self._end_at)
        self._closing.set(within * _CLOSING)
        self._senders.stop()
        async with asyncio.TaskGroup() as group:
            for child in self._children:
                group.create_task(self._end(child))
        await self._ended.wait()

    def _begin(self, sender: Sender, group: asyncio.TaskGroup) -> None:
        child = _Child(name_of(self.stream, sender.id), sender)
        before = self._lives.get(child.name)
        life = group.create_task(self._live(child, before))
        self._children.append(child)
        self._lives[child.name] = life
        life.add_done_callback(partial(self._forget, child))

    def _forget(self, child: _Child, life: asyncio.Task[None]) -> None:
        self._children.remove(child)
        self._count(child)
        left = child.sender.backlog
        if left:
            self._past.lost += left
            self._log.warning(
                "frames of a feed are lost: the stream of their sender did not run",
                named=child.name,
                frames=left,
            )
        if self._lives.get(child.name) is life:
            del self._lives[child.name]

    async def _live(self, child: _Child, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            # Put aside and heard again at once: two streams of one name must not run.
            await asyncio.wait({before})
        self._log.info("sender has a stream", sender=child.sender.id, named=child.name)
        while await self._run(child):
            self._log.info("stream is tried anew", named=child.name)

    async def _run(self, child: _Child) -> bool:
        """Run the stream until it is over; true if it is to be tried anew."""
        self._down.pop(child.name, None)
        child.over.clear()
        child.made.clear()
        child.minder = Minder(
            child.name,
            partial(self._make_for, child),
            clock=self._clock,
            sleep=self._sleep,
            log=self._child_log,
            over=child.over.set,
            remedy=_REMEDY,
        )
        try:
            if self._end_at is not None:
                await self._end(child)
            await child.over.wait()
        finally:
            await child.minder.finish(0.0)
        if isinstance(child.minder.error, DeviceLostError):
            raise child.minder.error
        if child.minder.phase is not Phase.DOWN:
            return False
        is_put_aside = self._end_at is None and child.ending.has_come
        if not is_put_aside:
            late = SourceError(f"{child.name} did not stop in time")
            self._down[child.name] = child.minder.error or late
        async with child.ending.move_on():
            await self._sleep(_PAUSE)
        return not child.ending.has_come

    async def _make_for(self, child: _Child) -> Runnable:
        self._count(child)
        try:
            child.pipeline = await self._make(child.name, child.sender)
        finally:
            child.made.set()
        return child.pipeline

    def _count(self, child: _Child) -> None:
        """Keep the counts of a pipeline that is no more."""
        if child.pipeline is not None:
            self._past.add(replace(child.pipeline.counters, stalled_since=None))
            child.pipeline = None

    async def _end(self, child: _Child) -> None:
        """Let a stream end in good order, in the time that is left."""
        child.ending.set(0.0)
        if child.minder is None:
            return  # it is told when it begins
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left()):
                # Ended without a pipeline, it would lose what its sender was accepted.
                await child.made.wait()
        await child.minder.finish(self._left())

    def _left(self) -> float:
        assert self._end_at is not None  # noqa: S101 - we were asked to end
        return max(self._end_at - asyncio.get_running_loop().time(), 0.0)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Put senders aside that have been silent for long."""
        is_tidy = False
        while True:
            if not is_tidy:
                await self._forget_old()
                is_tidy = True
            await self._sleep(min(_LOOK, self._idle))
            for child in self._children:
                if (
                    child.minder is not None
                    and not child.ending.has_come
                    and child.sender.idle_for() >= self._idle
                    # Before its stream ends: what it sends from now on makes a new one.
                    and child.sender.retire()
                ):
                    self._log.info("silent sender put aside", sender=child.sender.id)
                    is_tidy = False
                    self._down.pop(child.name, None)
                    child.ending.set(0.0)
                    group.create_task(child.minder.finish(_RETIRING))

    async def _forget_old(self) -> None:
        if self._tidy is None:
            return
        try:
            await self._tidy(lambda: {child.name for child in self._children})
        except SrstreamError as error:  # the streams find out for themselves
            self._log.error("old states of senders not forgotten", reason=str(error))

    async def _open(self, output: Output) -> None:
        try:
            await output.open()
        except SinkError as error:
            self._complain("output cannot be opened: frames wait for it", error)

    async def _close(self, output: Output) -> None:
        try:
            if self._end_at is None:
                self._closing.set(_CLOSING_UNASKED)
            async with self._closing.move_on():
                await output.close()
        except SinkError as error:
            self._complain("output could not be closed", error)

    def _complain(self, event: str, error: SinkError) -> None:
        self._past.sink_errors += 1
        self._log.error(event, reason=str(error))


def prefix_of(stream: str) -> str | None:
    """Return what the names of its senders' streams begin with, and no others do.

    None: the name is so long that it is cut in them; another stream's may be alike then.
    """
    prefix = f"{stream}."
    return prefix if len(prefix) < LONGEST_NAME - _HASHED else None


def name_of(stream: str, sender: str) -> str:
    """Return the name of the stream of one sender: 1 to 64 of A-Z a-z 0-9 . _ -.

    Args:
        stream: of the feed, of the same form.
        sender: the sender's id, of the same form.
    """
    name = f"{stream}.{sender}"
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASHED]
    return f"{name[: LONGEST_NAME - _HASHED - 1]}-{digest}"
