"""The one thread of a device: the only one that calls torch, shared by its streams."""

from __future__ import annotations

from collections.abc import Callable

from srstream.frames import Frame, Upscaled
from srstream.ports import Processor
from srstream.runtime.workthread import Slices, WorkThread


class Compute(WorkThread):
    """Takes frames through their processors, in slices, each stream its equal time."""

    def __init__(
        self,
        name: str,
        *,
        prepare: Callable[[], None] | None = None,
        slice_seconds: float = 0.05,
    ) -> None:
        super().__init__(name, prepare=prepare)
        self._slice_seconds = slice_seconds

    async def process(self, stream: str, processor: Processor, frame: Frame) -> Upscaled:
        """Adapt to a frame and upscale it.

        When the caller is cancelled the frame is abandoned, before the next slice of
        anything and before anything asked for later.

        Raises:
            ThreadClosedError: the thread was closed before the frame was ready.
        """
        return await self.run(stream, _slices(processor, frame, self._slice_seconds))


def _slices(processor: Processor, frame: Frame, seconds: float) -> Slices[Upscaled]:
    try:
        processor.begin(frame)
        yield
        while not processor.advance(seconds):
            yield
        yield
        return processor.finish()
    except BaseException:
        processor.abandon()
        raise
