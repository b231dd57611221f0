"""When a stream's state is saved, and which one it starts from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from structlog.typing import FilteringBoundLogger

from srstream.errors import SinkUnavailable, StateError
from srstream.ports import Checkpoints, Processor, Teacher
from srstream.runtime.cadence import Cadence
from srstream.runtime.workthread import WorkThread


@dataclass(frozen=True, slots=True, eq=False)
class Saving:
    """A state that waits to be saved."""

    nbytes: int
    save: Callable[[], Awaitable[None]]
    """Raises `SinkUnavailable`."""


class StateKeeper:
    """Saves the state of a processor now and then, or with every frame.

    With every frame, the state is on the disk before the frame is published, and a
    restart takes the very one that belongs to the last frame that was.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        cadence: Cadence | None,
        *,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        """Prepare; nothing is read or written yet.

        Args:
            checkpoints: where states are kept.
            cadence: when one is due; none: with every frame.
            clock: monotonic seconds.
            log: the stream's.
        """
        self._checkpoints = checkpoints
        self._cadence = cadence
        self._clock = clock
        self._log = log
        self._unsaved: int | None = None
        """The number of the last frame whose state is not saved."""

    async def restore(
        self, processor: Processor | Teacher, thread: WorkThread, *, last_seq: int
    ) -> None:
        """Load the newest state that fits; those that do not are set aside."""
        up_to = last_seq if self._cadence is None else None
        while True:
            found = await asyncio.to_thread(self._checkpoints.newest, up_to=up_to)
            if found is None:
                return
            seq, state = found
            try:
                await thread.call(processor.load, state)
            except StateError as error:
                await asyncio.to_thread(self._checkpoints.reject, seq, str(error))
                self._log.warning("checkpoint set aside", seq=seq, reason=str(error))
            else:
                self._log.info("weights continue from a checkpoint", seq=seq)
                return

    async def after(
        self, seq: int, processor: Processor | Teacher, thread: WorkThread
    ) -> Saving | None:
        """Return the state after this frame, if it is due to be saved.

        To be called between this frame and the next.
        """
        self._unsaved = seq
        if self._cadence is not None:
            self._cadence.saw()
            if not self._cadence.due(self._clock()):
                return None
        state = await thread.call(processor.dump)
        save = self._must_save if self._cadence is None else self._may_save
        return Saving(len(state), partial(save, seq, state))

    async def at_the_end(self, processor: Processor | Teacher, thread: WorkThread) -> None:
        """Save what was not saved yet; to be called after the last frame."""
        if self._unsaved is not None:
            state = await thread.call(processor.dump)
            await self._may_save(self._unsaved, state)

    async def _may_save(self, seq: int, state: bytes) -> None:
        """Save; if that fails, frames go on, and it is tried again when due."""
        if self._cadence is not None:
            self._cadence.saved(self._clock())
        try:
            await self._must_save(seq, state)
        except SinkUnavailable as error:
            self._log.warning("checkpoint not saved", seq=seq, reason=str(error))

    async def _must_save(self, seq: int, state: bytes) -> None:
        try:
            await asyncio.to_thread(self._checkpoints.save, seq, state)
        except OSError as error:
            raise SinkUnavailable(f"checkpoint {seq}: {error.strerror or error}") from error
        if self._unsaved is not None and self._unsaved <= seq:
            self._unsaved = None
