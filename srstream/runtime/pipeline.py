"""One stream: fetch and decode, adapt and upscale, publish. Three tasks and two queues.

Before the first frame the ledger puts right what a crash left, and the weights of the last
checkpoint are loaded.

The tasks settle only the packets that they know the fate of; what they were cut short
with, or had waiting between them, is given back in one place when they have ended,
whatever ended them. To a feed that is a loss: the numbers of these frames are not used
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, closing, nullcontext
from dataclasses import dataclass
from typing import cast

from structlog.typing import FilteringBoundLogger

from srstream.errors import (
    FrameError,
    Postponed,
    Refused,
    ResourceError,
    SinkError,
    Unreadable,
)
from srstream.frames import AdaptStats, Frame, FrameId, Outcome, Picture, Upscaled
from srstream.ledger import Ledger
from srstream.ports import Feed, Packet, Processor, Pupil, Sink, Source, Verdict
from srstream.runtime.bytequeue import ByteQueue
from srstream.runtime.claims import Claims
from srstream.runtime.compute import Compute
from srstream.runtime.counters import Counters
from srstream.runtime.cutoff import Cutoff
from srstream.runtime.plainly import plainly
from srstream.runtime.publisher import Published, Publisher, Ready
from srstream.runtime.remarks import Remarks
from srstream.runtime.statekeeper import StateKeeper
from srstream.runtime.tutor import Tutor
from srstream.runtime.workthread import WorkThread

_PUBLISHING, _CLOSING = 1.25, 1.3
"""How long after a stop writing may take, and closing what was written to, as multiples of
the time for the frame in hand: what hangs then, on a disk that is full or gone, is given
back, and receivers that are slow are no longer waited for."""
_CLOSING_UNASKED = 10.0
"""Seconds that closing may take after a failure: meanwhile the stream stands still."""


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    packet: Packet
    frame: Frame
    decode_ms: float


class Pipeline:
    """Runs once, from opening the sinks to closing them."""

    def __init__(
        self,
        stream: str,
        *,
        source: Source,
        processor: Processor,
        compute: Compute,
        sinks: Sequence[Sink],
        ledger: Ledger,
        clock: Callable[[], float],
        queue_bytes: int,
        log: FilteringBoundLogger,
        keeper: StateKeeper | None = None,
        tutor: Tutor | None = None,
        tell: Callable[[Upscaled], str] | None = None,
        reuse: bool = False,
        patient: bool = True,
        observer: Callable[[Upscaled], None] | None = None,
    ) -> None:
        """Put the parts together; nothing starts yet.

        Args:
            stream: the stream's name.
            source: where frames come from.
            processor: what upscales them, on `compute`.
            compute: the thread of the processor's device.
            sinks: where results go.
            ledger: what became of the frames of this stream.
            clock: monotonic seconds, the one by which the source offers packets.
            queue_bytes: bound of each of the two queues; one frame always fits.
            log: the stream's name is bound to it here.
            keeper: saves the processor's state; none: it lives as long as the process.
            tutor: learns for the processor, which is a `Pupil` then; none: that one learns.
            tell: makes the line of statistics about a frame; none: nobody reads it.
            reuse: a frame identical to the one before gets its enlargement again.
            patient: wait for outputs that cannot be written now; else they have failed.
            observer: called with each frame that is published, or given up as it was.
        """
        self.stream = stream
        self.counters = Counters()
        self._source = source
        self._feed = source if isinstance(source, Feed) else None
        self._processor = processor
        self._compute = compute
        self._ledger = ledger
        self._clock = clock
        self._log = log.bind(stream=stream)
        self._keeper = keeper
        self._tutor = tutor
        # What is carried from frame to frame is with the one that learns.
        self._learner = (
            (processor, compute) if tutor is None else (tutor.teacher, tutor.thread)
        )
        self._reuse = reuse
        self._before: Upscaled | None = None
        """The frame before, where it may be used again."""
        self._observer = observer
        self._decoded: ByteQueue[_Decoded] = ByteQueue(queue_bytes)
        self._ready: ByteQueue[Ready] = ByteQueue(queue_bytes)
        self._claims = Claims(self.counters, self._log, of_feed=self._feed is not None)
        self._remarks = Remarks(self._log)
        self._seq = 0
        self._is_draining = False
        self._fetching = Cutoff()
        self._processing = Cutoff()
        self._publishing = Cutoff()
        self._closing = Cutoff()
        self._ended = asyncio.Event()
        self._ended.set()
        self._publisher = Publisher(
            sinks,
            ledger=ledger,
            tell=tell,
            clock=clock,
            counters=self.counters,
            stop_waiting=self._fetching,
            patient=patient,
            log=self._log,
        )

    @property
    def arrived(self) -> int:
        """Frames that became ready since the start; those already there not counted."""
        return self._source.arrived

    @property
    def backlog(self) -> int:
        """Frames that wait or are in our hands."""
        return self._source.backlog + len(self._claims)

    async def run(self) -> None:
        """Work until the source ends, or until drained, and all is published.

        Raises:
            SourceError: the source cannot be read.
            Exception: a bug in a part; notes name what else went wrong then.
        """
        self._ended.clear()
        try:
            async with AsyncExitStack() as stack:
                await self._recover()
                stack.push_async_callback(self._close)
                await self._publisher.open()
                packets = await stack.enter_async_context(self._source.open())
                stack.push_async_callback(self._give_back)
                if self._feed is not None and self._is_draining:
                    self._feed.stop()  # it was not open when it was told so before
                await self._work(packets)
                if self._keeper is not None:
                    await self._keeper.at_the_end(*self._learner)
        finally:
            self._ended.set()

    async def drain(self, within: float) -> None:
        """End in good order; returns when `run` has ended.

        Stops fetching at once. The frame that is being upscaled is given `within`
        seconds, then abandoned and given back, as is all that is only decoded. What is
        upscaled is published, if that does not take a quarter longer. (A frame that
        becomes ready in the very moment of the cut is given back too; its processor has
        then seen it.)

        What a feed has accepted nobody would offer again: it is all finished within that
        time, and only what is left then is lost.
        """
        self._is_draining = True
        if self._feed is None:
            self._fetching.set(0.0)
        else:
            self._feed.stop()
            self._fetching.set(within)
        self._processing.set(within)
        self._publishing.set(within * _PUBLISHING)
        self._closing.set(within * _CLOSING)
        await self._ended.wait()

    async def _close(self) -> None:
        if not self._is_draining:
            self._closing.set(_CLOSING_UNASKED)
        async with self._closing.move_on():
            await self._publisher.close()

    async def _recover(self) -> None:
        recovered = await self._ledger.recover()
        if recovered.adopted or recovered.redone:
            self._log.warning(
                "frames that an earlier run left unfinished",
                adopted=recovered.adopted,
                redone=recovered.redone,
            )
        if self._keeper is not None:
            await self._keeper.restore(*self._learner, last_seq=self._ledger.last_seq)
        if self._tutor is not None:
            await self._tutor.begin()

    async def _work(self, packets: AsyncIterator[Packet]) -> None:
        decoder = WorkThread(f"decode {self.stream}")
        try:
            with plainly():
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._fetch(packets, decoder))
                    group.create_task(self._process())
                    if self._tutor is not None:
                        group.create_task(self._tutor.run())
                    group.create_task(self._publish())
        finally:
            decoder.close(0.0)

    async def _fetch(self, packets: AsyncIterator[Packet], decoder: WorkThread) -> None:
        with closing(self._decoded):
            while not self._fetching.has_come:
                packet = None
                async with self._fetching.move_on():
                    packet = await anext(packets, None)
                if packet is None:
                    return
                self._claims.take(packet)
                try:
                    async with self._fetching.move_on():
                        await self._decode(packet, decoder)
                except Postponed as error:
                    self._log.debug(
                        "frame postponed", source=packet.source, reason=str(error)
                    )
                    await self._claims.give_back(packet)
                except Unreadable:
                    self.counters.later += 1
                    await self._claims.settle(packet, Verdict.LATER)
                except FrameError as error:
                    await self._skip(packet, error)

    async def _decode(self, packet: Packet, decoder: WorkThread) -> None:
        if packet.at_once:
            picture, seconds = self._read(packet)  # to another thread and back takes longer
        else:
            picture, seconds = await decoder.call(self._read, packet)
        self._remarks.on_picture(picture, source=packet.source)
        self._seq = self._last_seq + 1 + packet.skipped
        self.counters.dropped += packet.skipped
        self._claims.number(packet, self._seq)
        name = packet.name or f"{self._seq:08}"
        identity = FrameId(self.stream, self._seq, packet.source, name)
        decoded = _Decoded(packet, Frame(identity, picture, packet.origin), 1e3 * seconds)
        await self._decoded.put(decoded, picture.pixels.nbytes)

    @property
    def _last_seq(self) -> int:
        # Statistics that could not be read at first may tell of higher numbers later.
        return max(self._seq, self._ledger.last_seq)

    def _read(self, packet: Packet) -> tuple[Picture, float]:
        """Runs on the decode thread, unless it takes no time."""
        started = self._clock()
        picture = packet.read()
        return picture, self._clock() - started

    async def _process(self) -> None:
        with closing(self._ready), closing(self._tutor) if self._tutor else nullcontext():
            async for decoded in self._decoded:
                if self._fetching.has_come:
                    return
                ready = None
                try:
                    async with self._processing.move_on():
                        ready = await self._upscale(decoded)
                except (FrameError, ResourceError) as error:
                    await self._skip(decoded.packet, error)
                if ready is not None:
                    await self._ready.put(ready, ready.nbytes)

    async def _upscale(self, decoded: _Decoded) -> Ready:
        frame = decoded.frame
        again = self._same_as_before(frame)
        if again is not None:
            return Ready(decoded.packet, again, decoded.decode_ms)
        if self._tutor is not None:
            lesson = self._tutor.lesson()
            if lesson is not None:
                await self._compute.call(cast("Pupil", self._processor).teach, lesson)
            self._tutor.offer(frame)
        item = await self._compute.process(self.stream, self._processor, frame)
        self._before = item if self._reuse else None
        saving = None
        if self._keeper is not None:
            saving = await self._keeper.after(frame.id.seq, *self._learner)
        return Ready(decoded.packet, item, decoded.decode_ms, saving)

    def _same_as_before(self, frame: Frame) -> Upscaled | None:
        """Return the enlargement of the frame before if this one is identical to it."""
        before, content = self._before, frame.picture.content
        if before is None or content is None or before.frame.picture.content is None:
            return None
        if before.frame.picture.content.digest != content.digest:
            return None
        was = before.stats
        stats = AdaptStats(
            *(Outcome.REUSED, was.scale, was.net, was.preset, was.device),
            used=was.used,
            heldout_gain=was.heldout_gain,
        )
        return Upscaled(frame, before.pixels, stats)

    async def _publish(self) -> None:
        keep_order = True
        async for ready in self._ready:
            if not keep_order:
                continue  # the frame before is given back; this one must not overtake it
            published = await self._publish_in_time(ready)
            if published is None or published.verdict is Verdict.RETURNED:
                keep_order = False  # given back with all that is in our hands
                continue
            item = published.item
            if published.verdict is Verdict.DONE:
                self.counters.note(item.stats)
                self.counters.done += 1
                if self._feed is not None:
                    self._feed.published(item)
            else:
                self.counters.failed[SinkError.__name__] += 1
            await self._claims.settle(ready.packet, published.verdict)
            self._remarks.on_result(item)
            if self._observer is not None:
                self._observer(item)

    async def _publish_in_time(self, ready: Ready) -> Published | None:
        async with self._publishing.move_on():
            return await self._publisher.publish(ready)
        return None

    async def _skip(self, packet: Packet, error: Exception) -> None:
        self.counters.failed[type(error).__name__] += 1
        if isinstance(error, Refused):
            # Its feed counts these, and says so now and then: a flood would fill the log.
            self._log.debug("frame refused", source=packet.source, reason=str(error))
        else:
            self._log.warning("frame skipped", source=packet.source, reason=str(error))
            await self._ledger.failed(packet.source, str(error))
        await self._claims.settle(packet, Verdict.FAILED)

    async def _give_back(self) -> None:
        if self._feed is not None:
            seqs = self._claims.numbers(after=self._last_seq)
            # Those that failed before they were published, too: their gap is to stay.
            used = max([*seqs, self._last_seq])
            if used > self._ledger.last_seq:
                self._ledger.passed(used)
            if seqs:
                self._log.warning(
                    "frames of a feed are lost: they were not finished",
                    frames=len(seqs),
                    first=min(seqs),
                    last=max(seqs),
                )
        await self._claims.give_all_back()
