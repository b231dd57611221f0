"""What every way of learning from a stream's frames is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from collections.abc import Generator as Work
from itertools import chain

from torch import Tensor

from srstream.engine.adapt import Trace
from srstream.engine.carried import Carried
from srstream.engine.heldout import HeldOut, reserve
from srstream.engine.letterbox import Box, picture_box
from srstream.engine.options import SessionOptions
from srstream.engine.pairs import Pairs, all_of
from srstream.engine.seen import Seen
from srstream.frames import Used


class Learning(ABC):
    """Reserves tiles, makes pairs, takes steps; what is kept of it others decide."""

    def __init__(
        self, options: SessionOptions, carried: Carried, *, spent: Callable[[], float]
    ) -> None:
        """Take what is needed; nothing is done yet.

        Args:
            options: of the session.
            carried: what is learnt goes there.
            spent: seconds of compute that the frame's adaptation has used so far.
        """
        self._options = options
        self._carried = carried
        self._spent = spent

    def meet(self, seen: Seen, *, seq: int) -> None:
        """Be told of a frame, also where there is no time to learn from it.

        Args:
            seen: tells of a new scene; what was reserved in the one before counts no more.
                It is told which weights are in use.
            seq: number of the frame.
        """
        del seq
        if self._options.adapt.mode == "per-frame":
            self.start_afresh()
        if seen.scene_change or self._options.adapt.mode == "per-frame":
            self.leave_scene()
        self.note(seen)

    def leave_scene(self) -> None:
        """End the scene; the next frame that is learnt from begins another."""
        self._carried.reserved = None

    def note(self, seen: Seen) -> None:
        """Tell which weights are in use, and what they gain."""
        seen.used = Used.CARRIED if self._carried.steps else Used.FROZEN

    def start_afresh(self) -> None:
        """Give all that was learnt up: the initial weights are in use."""
        self._carried.start_afresh()
        self._carried.publish()

    def put_down(self) -> None:  # noqa: B027 - as `resume`
        """Be told that the frame in hand is given up, and what is carried put back."""

    def resume(self) -> None:  # noqa: B027 - nothing, unless there is something to do
        """Be told that a state was loaded, maybe of another way of learning."""

    @abstractmethod
    def adapt(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        """Learn from [1, C, H, W]; may be closed after any unit, for want of time.

        Afterwards `carried.published` is what to upscale it with, unless `seen` says
        fallback.
        """

    def _reserve(self, frame: Tensor) -> None:
        """Reserve tiles in a new scene, or where frames changed their size."""
        carried, adapt = self._carried, self._options.adapt
        size = (frame.shape[-2], frame.shape[-1])
        if carried.reserved is not None and carried.reserved.size == size:
            return
        carried.reserved = reserve(
            frame,
            picture_box(frame, self._options.scale),
            share=adapt.heldout,
            scale=self._options.scale,
            generator=carried.random,
        )

    def _exam(self, frame: Tensor) -> HeldOut:
        carried = self._carried
        assert carried.reserved is not None  # noqa: S101 - `_reserve` comes first
        return HeldOut(
            frame, carried.reserved, scale=self._options.scale, reach=carried.net.reach
        )

    def _pairs(self, frame: Tensor) -> Pairs:
        reserved = self._carried.reserved
        box = Box(0, 0, *frame.shape[-2:]) if reserved is None else reserved.box
        picture = box.of(frame)
        return Pairs(
            picture,
            all_of(picture) if reserved is None else reserved.trainable,
            options=self._options.adapt,
            scale=self._options.scale,
            generator=self._carried.random,
        )

    def _train(
        self, pairs: Pairs, seen: Seen, *, steps: int, tell_loss_after: bool = True
    ) -> Work[None, None, Trace]:
        """Take the steps and fill in the losses; the one after costs a forward pass."""
        adapter, trace = self._carried.adapter, Trace()
        batches = pairs.batches()
        probe = next(batches)
        if self._carried.net.is_noisy:
            seen.loss_before = adapter.loss_on(probe)
        try:
            yield from adapter.run(
                chain([probe], batches),
                steps=steps,
                trace=trace,
                noise=self._carried.random,
                spent=self._spent,
            )
        finally:
            seen.steps = trace.steps
            if trace.losses and seen.loss_before is None:
                seen.loss_before = float(trace.losses[0])
            if not self._options.adapt.carry_moments:
                adapter.forget()
        if tell_loss_after:
            seen.loss_after = adapter.loss_on(probe)
        return trace
