"""One stream: fetch and decode, adapt and upscale, publish. Three tasks and two queues.

A packet that was taken from the source is in `_claims` until it is settled. The tasks
settle only what they know the fate of; what they were cut short with, or had waiting
between them, is given back in one place when they have ended, whatever ended them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace

from structlog.typing import FilteringBoundLogger

from srstream.errors import FrameError, Postponed, ResourceError, SinkError
from srstream.frames import Frame, FrameId, Milliseconds, Outcome, Picture, Upscaled
from srstream.ports import Packet, Processor, Sink, Source, Verdict
from srstream.runtime.bytequeue import ByteQueue
from srstream.runtime.compute import Compute
from srstream.runtime.counters import Counters
from srstream.runtime.cutoff import Cutoff
from srstream.runtime.workthread import WorkThread


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    packet: Packet
    frame: Frame
    decode_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    packet: Packet
    item: Upscaled
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
        clock: Callable[[], float],
        queue_bytes: int,
        log: FilteringBoundLogger,
        observer: Callable[[Upscaled], None] | None = None,
    ) -> None:
        """Put the parts together; nothing starts yet.

        Args:
            stream: the stream's name.
            source: where frames come from.
            processor: what upscales them, on `compute`.
            compute: the thread of the processor's device.
            sinks: where results go.
            clock: monotonic seconds, the one by which the source offers packets.
            queue_bytes: bound of each of the two queues; one frame always fits.
            log: the stream's name is bound to it here.
            observer: called with each published frame.
        """
        self.stream = stream
        self.counters = Counters()
        self._source = source
        self._processor = processor
        self._compute = compute
        self._pictures = [sink for sink in sinks if not sink.reports]
        self._reports = [sink for sink in sinks if sink.reports]
        self._clock = clock
        self._log = log.bind(stream=stream)
        self._observer = observer
        self._decoded: ByteQueue[_Decoded] = ByteQueue(queue_bytes)
        self._ready: ByteQueue[_Ready] = ByteQueue(queue_bytes)
        self._claims: dict[int, Packet] = {}
        self._notes: set[str] = set()
        self._said_fallback = False
        self._seq = 0
        self._fetching = Cutoff()
        self._processing = Cutoff()
        self._ended = asyncio.Event()
        self._ended.set()

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
                for sink in (*self._pictures, *self._reports):
                    stack.push_async_callback(self._close, sink)
                    await self._open(sink)
                packets = await stack.enter_async_context(self._source.open())
                stack.push_async_callback(self._give_back)
                await self._work(packets)
        finally:
            self._ended.set()

    async def drain(self, within: float) -> None:
        """End in good order; returns when `run` has ended.

        Stops fetching at once. The frame that is being upscaled is given `within`
        seconds, then abandoned and given back, as is all that is only decoded. What is
        upscaled is published. (A frame that becomes ready in the very moment of the cut
        is given back too; its processor has then seen it.)
        """
        self._fetching.set(0.0)
        self._processing.set(within)
        await self._ended.wait()

    async def _work(self, packets: AsyncIterator[Packet]) -> None:
        decoder = WorkThread(f"decode {self.stream}")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fetch(packets, decoder))
                group.create_task(self._process())
                group.create_task(self._publish())
        except ExceptionGroup as several:
            first, *others = _leaves(several)
            for other in others:
                first.add_note(f"and then: {other!r}")
            raise first from first.__cause__
        finally:
            decoder.close(0.0)

    async def _fetch(self, packets: AsyncIterator[Packet], decoder: WorkThread) -> None:
        with closing(self._decoded):
            while not self._fetching.is_set:
                packet = None
                async with self._fetching.move_on():
                    packet = await anext(packets, None)
                if packet is None:
                    return
                self._claims[id(packet)] = packet
                try:
                    async with self._fetching.move_on():
                        await self._decode(packet, decoder)
                except Postponed as error:
                    self._log.debug(
                        "frame postponed", source=packet.source, reason=str(error)
                    )
                    await self._return(packet)
                except FrameError as error:
                    await self._skip(packet, error)

    async def _decode(self, packet: Packet, decoder: WorkThread) -> None:
        picture, seconds = await decoder.call(self._read, packet)
        for note in picture.notes:
            if note not in self._notes:
                self._notes.add(note)
                self._log.info("picture converted", source=packet.source, note=note)
        self._seq += 1
        identity = FrameId(self.stream, self._seq, packet.source, packet.name)
        decoded = _Decoded(packet, Frame(identity, picture), 1e3 * seconds)
        await self._decoded.put(decoded, picture.pixels.nbytes)

    def _read(self, packet: Packet) -> tuple[Picture, float]:
        """Runs on the decode thread."""
        started = self._clock()
        picture = packet.read()
        return picture, self._clock() - started

    async def _process(self) -> None:
        with closing(self._ready):
            async for decoded in self._decoded:
                if self._fetching.is_set:
                    return
                item = None
                try:
                    async with self._processing.move_on():
                        item = await self._compute.process(
                            self.stream, self._processor, decoded.frame
                        )
                except (FrameError, ResourceError) as error:
                    await self._skip(decoded.packet, error)
                if item is None:
                    continue
                ready = _Ready(decoded.packet, item, decoded.decode_ms)
                await self._ready.put(ready, item.pixels.nbytes)

    async def _publish(self) -> None:
        async for ready in self._ready:
            started = self._clock()
            written = await self._write(self._pictures, ready.item)
            item = self._timed(ready, write_ms=1e3 * (self._clock() - started))
            await self._write(self._reports, item)
            self.counters.note(item.stats)
            if written:
                self.counters.done += 1
                await self._settle(ready.packet, Verdict.DONE)
            else:
                self.counters.failed[SinkError.__name__] += 1
                await self._settle(ready.packet, Verdict.FAILED)
            if item.stats.outcome is Outcome.FALLBACK:
                self._say_fallback(item)
            if self._observer is not None:
                self._observer(item)

    def _say_fallback(self, item: Upscaled) -> None:
        width, height = item.frame.picture.size
        # Once is news; a stream of such frames would fill the log.
        say = self._log.debug if self._said_fallback else self._log.warning
        self._said_fallback = True
        say(
            "frame enlarged by bicubic alone",
            source=item.frame.id.source,
            seq=item.frame.id.seq,
            size=f"{width}x{height}",
            reason="it is below 16x16, or the network was of no use on it",
        )

    async def _write(self, sinks: Sequence[Sink], item: Upscaled) -> bool:
        """Write to all at once; true when none failed."""
        async with asyncio.TaskGroup() as group:
            writes = [group.create_task(self._offer(sink, item)) for sink in sinks]
        return all(write.result() for write in writes)

    async def _offer(self, sink: Sink, item: Upscaled) -> bool:
        try:
            await sink.write(item)
        except SinkError as error:
            self.counters.sink_errors += 1
            frame = item.frame.id
            self._log.error(
                "output failed",
                sink=type(sink).__name__,
                source=frame.source,
                seq=frame.seq,
                reason=str(error),
            )
            return False
        return True

    def _timed(self, ready: _Ready, *, write_ms: float) -> Upscaled:
        stats = ready.item.stats
        total = 1e3 * (self._clock() - ready.packet.offered)
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

    async def _skip(self, packet: Packet, error: Exception) -> None:
        self.counters.failed[type(error).__name__] += 1
        self._log.warning("frame skipped", source=packet.source, reason=str(error))
        await self._settle(packet, Verdict.FAILED)

    async def _settle(self, packet: Packet, verdict: Verdict) -> None:
        del self._claims[id(packet)]
        await packet.done(verdict)

    async def _return(self, packet: Packet) -> None:
        self.counters.returned += 1
        await self._settle(packet, Verdict.RETURNED)

    async def _give_back(self) -> None:
        packets = tuple(self._claims.values())
        results = await asyncio.gather(
            *(self._return(packet) for packet in packets), return_exceptions=True
        )
        for packet, error in zip(packets, results, strict=True):
            if error is not None:
                # Not raised: it would hide what ended the stream.
                self._log.error(
                    "frame could not be given back",
                    source=packet.source,
                    reason=repr(error),
                )

    async def _open(self, sink: Sink) -> None:
        try:
            await sink.open()
        except SinkError as error:
            # The stream goes on: every write tries anew, and is counted if it fails.
            self.counters.sink_errors += 1
            self._log.error(
                "output cannot be opened: frames fail until it can",
                sink=type(sink).__name__,
                reason=str(error),
            )

    async def _close(self, sink: Sink) -> None:
        try:
            await sink.close()
        except SinkError as error:
            self.counters.sink_errors += 1
            self._log.error(
                "output could not be closed",
                sink=type(sink).__name__,
                reason=str(error),
            )


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
