"""One frame's way out: the ledger, all sinks of pictures, the ledger again, the reports.

What time mends is tried again for as long as it takes, and the stream waits for it: so
nothing is lost, frames keep their order, and the source is held back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from structlog.typing import FilteringBoundLogger

from srstream.errors import SinkError, SinkUnavailable
from srstream.frames import Milliseconds, Upscaled
from srstream.ledger import Ledger
from srstream.ports import Packet, Sink, Verdict
from srstream.runtime.counters import Counters
from srstream.runtime.cutoff import Cutoff
from srstream.runtime.statekeeper import Saving

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0
"""Seconds between two tries of an output: space that was made is soon used."""


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A frame that is upscaled."""

    packet: Packet
    item: Upscaled
    decode_ms: float
    saving: Saving | None = None
    """The state after this frame, if it is to be saved before the frame is published."""

    @property
    def nbytes(self) -> int:
        """What it takes in a queue."""
        state = 0 if self.saving is None else self.saving.nbytes
        return self.item.pixels.nbytes + state


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """What became of it."""

    verdict: Verdict
    """DONE: every output stands. FAILED: one can never be written. RETURNED: one cannot
    be written now, and there is no time to wait."""
    item: Upscaled
    """With its times."""


class Publisher:
    """Writes the frames of one stream, one after the other."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        *,
        ledger: Ledger,
        tell: Callable[[Upscaled], str] | None,
        clock: Callable[[], float],
        counters: Counters,
        stop_waiting: Cutoff,
        patient: bool,
        log: FilteringBoundLogger,
    ) -> None:
        """Put the parts together.

        Args:
            sinks: of pictures and of reports.
            ledger: the stream's.
            tell: makes the line of statistics about a frame; none: nobody reads it.
            clock: monotonic seconds.
            counters: the stream's.
            stop_waiting: from its moment on, what cannot be written is given back at once.
            patient: wait for outputs that cannot be written now; else they have failed.
            log: the stream's.
        """
        self._pictures = [sink for sink in sinks if not sink.reports]
        self._reports = [sink for sink in sinks if sink.reports]
        self._lasting = sum(sink.lasting for sink in self._pictures)
        self._ledger = ledger
        self._tell = tell
        self._clock = clock
        self._counters = counters
        self._stop_waiting = stop_waiting
        self._patient = patient
        self._log = log
        self._stalled = 0
        self._failing: set[int] = set()
        """Reports whose last write failed: said once, not with every frame."""

    async def open(self) -> None:
        """Open all sinks. What cannot be opened is tried again with every frame."""
        for sink in (*self._pictures, *self._reports):
            try:
                await sink.open()
            except SinkError as error:
                self._complain("output cannot be opened: frames wait for it", sink, error)

    async def close(self) -> None:
        """Close all sinks side by side: each may wait for its receivers.

        All are closed, whatever goes wrong with one, also when this is cancelled.
        """
        sinks = (*self._reports, *self._pictures)
        if not sinks:
            return
        ends = [asyncio.create_task(self._closed(sink)) for sink in sinks]
        try:
            # Not gathered: cancelled at once, some would not even begin.
            await asyncio.wait(ends)
        except asyncio.CancelledError:
            for end in ends:
                end.cancel()
            await asyncio.wait(ends)
            raise
        for end in ends:
            end.result()

    async def _closed(self, sink: Sink) -> None:
        try:
            await sink.close()
        except SinkError as error:
            self._complain("output could not be closed", sink, error)

    async def publish(self, ready: Ready) -> Published:
        """Write a frame everywhere."""
        if ready.saving is not None:
            error = await self._until_written("state", ready.saving.save)
            if error is not None:
                return Published(Verdict.RETURNED, ready.item)
        started = self._clock()
        item = _timed(ready, now=started, write_ms=0.0)
        frame, content = item.frame.id, item.frame.picture.content
        leaves_traces = bool(self._lasting or self._reports or content)
        if leaves_traces:
            self._ledger.publishing(
                frame, content, outputs=self._lasting, line=self._line(item)
            )
        errors = await self._write_pictures(item)
        now = self._clock()
        item = _timed(ready, now=now, write_ms=1e3 * (now - started))
        for_good = [error for error in errors if self._is_for_good(error)]
        if for_good:
            await self._ledger.failed(frame.source, str(for_good[0]), seq=frame.seq)
            return Published(Verdict.FAILED, item)
        if errors:
            return Published(Verdict.RETURNED, item)
        if not leaves_traces:
            self._ledger.passed(frame.seq)
            return Published(Verdict.DONE, item)
        await self._ledger.done(frame, line=self._line(item))
        for report in self._reports:
            await self._report(report, item)
        return Published(Verdict.DONE, item)

    def _line(self, item: Upscaled) -> str | None:
        return None if self._tell is None else self._tell(item)

    async def _write_pictures(self, item: Upscaled) -> list[SinkError]:
        """Write to all at once; return why some could not be written."""
        if len(self._pictures) == 1:  # as a rule, and of a feed many times a second
            results = [await self._write_picture(self._pictures[0], item)]
        else:
            async with asyncio.TaskGroup() as group:
                writes = [
                    group.create_task(self._write_picture(sink, item))
                    for sink in self._pictures
                ]
            results = [write.result() for write in writes]
        errors = [error for error in results if error is not None]
        for error in filter(self._is_for_good, errors):
            self._log.error(
                "output failed",
                source=item.frame.id.source,
                seq=item.frame.id.seq,
                reason=str(error),
            )
        return errors

    async def _write_picture(self, sink: Sink, item: Upscaled) -> SinkError | None:
        return await self._until_written(type(sink).__name__, partial(sink.write, item))

    def _is_for_good(self, error: SinkError) -> bool:
        return not (self._patient and isinstance(error, SinkUnavailable))

    async def _until_written(
        self, what: str, write: Callable[[], Awaitable[None]]
    ) -> SinkError | None:
        """Write until it is done, never will be, or there is no time left; say why not."""
        wait, since = _FIRST_WAIT, self._clock()
        is_stalled = False
        try:
            while True:
                try:
                    await write()
                except SinkError as error:
                    self._counters.sink_errors += 1
                    if self._is_for_good(error):
                        return error
                    if not is_stalled:
                        is_stalled = True
                        self._stall(what, error)
                    if not await self._pause(wait):
                        return error
                    wait = min(2 * wait, _LONGEST_WAIT)
                else:
                    return None
        finally:
            if is_stalled:
                self._go_on(what, seconds=self._clock() - since)

    def _stall(self, what: str, error: SinkError) -> None:
        if not self._stalled:
            self._counters.stalled_since = self._clock()
        self._stalled += 1
        self._log.error(
            "output cannot be written: the stream waits", sink=what, reason=str(error)
        )

    def _go_on(self, what: str, *, seconds: float) -> None:
        self._stalled -= 1
        if not self._stalled:
            self._counters.stalled_since = None
        self._log.info("output no longer waited for", sink=what, after=round(seconds, 1))

    async def _pause(self, seconds: float) -> bool:
        """Wait; false when there is no time to."""
        async with self._stop_waiting.move_on():
            await asyncio.sleep(seconds)
        return not self._stop_waiting.has_come

    async def _report(self, sink: Sink, item: Upscaled) -> None:
        # Nobody waits for these: what they miss now stays in the ledger for them.
        try:
            await sink.write(item)
        except SinkError as error:
            if id(sink) in self._failing:
                self._counters.sink_errors += 1
            else:
                self._failing.add(id(sink))
                self._complain("report failed: it is tried again", sink, error)
        else:
            if id(sink) in self._failing:
                self._failing.remove(id(sink))
                self._log.info("report written again", sink=type(sink).__name__)

    def _complain(self, event: str, sink: Sink, error: SinkError) -> None:
        self._counters.sink_errors += 1
        self._log.error(event, sink=type(sink).__name__, reason=str(error))


def _timed(ready: Ready, *, now: float, write_ms: float) -> Upscaled:
    stats = ready.item.stats
    total = 1e3 * (now - ready.packet.offered)
    work = ready.decode_ms + stats.adapt_ms + stats.upscale_ms + write_ms
    ms = Milliseconds(
        queue=max(0.0, total - work),
        decode=ready.decode_ms,
        adapt=stats.adapt_ms,
        upscale=stats.upscale_ms,
        write=write_ms,
        total=total,
    )
    return replace(ready.item, ms=ms)
