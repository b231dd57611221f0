"""Adapt to a frame: is there something to learn, is there time, and what if it fails?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Generator as Work

import numpy as np
import torch
from torch import Tensor

from srstream.engine import scene
from srstream.engine.carried import Carried, Snapshot
from srstream.engine.cautious import Cautious
from srstream.engine.deadline import Deadline
from srstream.engine.device import is_lost, is_out_of_memory
from srstream.engine.each_frame import EachFrame
from srstream.engine.learning import Learning
from srstream.engine.luma import luma
from srstream.engine.options import SessionOptions
from srstream.engine.seen import Seen
from srstream.engine.taught import Lesson, Taught
from srstream.frames import Frame, Outcome, Pixels

_END = object()


class Adaptation:
    """That of one stream, frame by frame; what is carried from one to the next is given."""

    def __init__(
        self,
        options: SessionOptions,
        carried: Carried,
        *,
        clock: Callable[[], float],
        spent: Callable[[], float],
    ) -> None:
        """Choose the way of learning.

        Args:
            options: of the session.
            carried: what is learnt goes there.
            clock: in seconds.
            spent: seconds of compute that the frame's adaptation has used so far.
        """
        self._options = options.adapt
        self._carried = carried
        self._clock = clock
        self._spent = spent
        self.learning: Learning = _ways[_way(options)](options, carried, spent=spent)
        fps = options.adapt.target_fps
        self._deadline = None if fps is None else Deadline(fps)
        self._last: tuple[Pixels, Pixels] | None = None
        """The frame before and its enlargement, for one that is identical to it."""
        self._is_again = False
        """The frame in hand is that one."""

    def teach(self, lesson: Lesson) -> None:
        """Take over what another session learnt, with the next frame.

        Raises:
            RuntimeError: this one is to learn by itself.
        """
        if not isinstance(self.learning, Taught):
            raise RuntimeError("adapt.thread is 'same': this session learns by itself")  # noqa: TRY004
        self.learning.teach(lesson)

    def begin(self) -> None:
        """Take up a frame."""
        self._is_again = False
        if self._deadline is not None:
            self._deadline.begin(self._clock())

    def to(
        self, frame: Frame, colour: Tensor, before: Snapshot, seen: Seen
    ) -> Work[None, None, None]:
        """Adapt to [1, C, H, W], made of the frame; `seen` tells with what to upscale it.

        What goes wrong in it costs the adaptation, and not the frame.
        """
        try:
            yield from self._adapt(frame, colour, seen)
        except Exception as error:
            if isinstance(error, RuntimeError) and is_lost(error):
                raise
            thumbnail = self._carried.thumbnail
            self._carried.restore(before)
            self.learning.put_down()
            self._carried.thumbnail = thumbnail  # else the next frame were a cut again
            # What was carried may not be for this scene.
            self.learning.meet(seen, seq=frame.id.seq)
            seen.outcome, seen.weight_change = Outcome.ROLLED_BACK, 0.0
            is_full = isinstance(error, RuntimeError) and is_out_of_memory(error)
            first = (str(error).splitlines() or [""])[0]
            seen.fault = "out of memory" if is_full else f"{type(error).__name__}: {first}"

    def again(self) -> Pixels | None:
        """Return the enlargement of the frame before, if it is to be used again."""
        return self._last[1] if self._is_again and self._last else None

    def end(self, frame: Frame, enlarged: Pixels, seconds: float | None) -> bool:
        """Be told of the enlargement; true if the frame is late.

        Args:
            frame: it is ready.
            enlarged: its enlargement.
            seconds: what the network took for it; none: it was not asked.
        """
        pixels = frame.picture.pixels
        self._last = (pixels, enlarged) if self._options.repeats == "reuse" else None
        if self._deadline is None:
            return False
        return self._deadline.finish(self._clock(), _count(pixels.shape[:2]), seconds)

    def forget_last(self) -> None:
        """Forget the frame before: what is carried now is of another one."""
        self._last = None

    def digest_of_last(self) -> str | None:
        """Return what tells the frame before from others; none: it is not known."""
        return self._carried.last if self._last is None else _digest(self._last[0])

    def _adapt(self, frame: Frame, colour: Tensor, seen: Seen) -> Work[None, None, None]:
        """Adapt as far as there is something to learn, and time for it."""
        options, carried = self._options, self._carried
        thumbnail, before = scene.thumbnail(colour), carried.thumbnail
        # Of another size, tiles would have to lie on what was learnt from.
        reserved = carried.reserved
        is_other_size = reserved is not None and reserved.size != tuple(colour.shape[-2:])
        seen.scene_change = is_other_size or scene.changed(before, thumbnail)
        carried.thumbnail = thumbnail
        if options.mode == "frozen" or not options.steps:
            return
        if self._is_repeated(frame.picture.pixels, before, thumbnail):
            self.learning.note(seen)
            seen.outcome, self._is_again = Outcome.REUSED, True
            return
        self.learning.meet(seen, seq=frame.id.seq)
        if colour.shape[1] != carried.net.colours:
            colour = luma(colour)
        if scene.is_flat(colour):
            self.learning.leave_scene()  # what comes after it is another one
            self.learning.note(seen)
            return
        if scene.is_fade(before, thumbnail):
            return
        work = self.learning.adapt(colour, seen)
        while self._has_time(colour):
            began = self._spent()
            if next(work, _END) is _END:
                return
            if self._deadline is not None:
                self._deadline.unit_took(self._spent() - began)
            yield
        work.close()

    def _has_time(self, colour: Tensor) -> bool:
        if self._deadline is None:
            return True
        return self._deadline.leaves_time(self._clock(), _count(colour.shape[-2:]))

    def _is_repeated(self, pixels: Pixels, before: Tensor | None, now: Tensor) -> bool:
        """Tell whether a frame is the one before again, and shall get its enlargement.

        Right after a state was loaded that one is not there any more, but its digest is;
        the frame is enlarged again then, which gives the same.
        """
        if self._options.repeats != "reuse" or before is None:
            return False
        if not torch.equal(before, now):
            return False
        if self._last is None:
            return self._carried.last == _digest(pixels)
        last, _ = self._last
        return last.dtype == pixels.dtype and np.array_equal(last, pixels)


_ways: dict[str, type[Learning]] = {
    "own": Taught,
    "cautious": Cautious,
    "enforce": EachFrame,
    "observe": EachFrame,
}


def _digest(pixels: Pixels) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{pixels.dtype} {pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _way(options: SessionOptions) -> str:
    return "own" if options.adapt.thread == "own" else options.adapt.judge


def _count(size: tuple[int, ...]) -> int:
    return size[0] * size[1]
