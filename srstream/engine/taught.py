"""Upscale with what another session learns meanwhile, on a thread of its own.

There are two buffers of weights: the other session's, and ours. What is published is a
copy that nobody changes any more; we take it over between two frames, in one go.
"""

from __future__ import annotations

from collections.abc import Generator as Work
from dataclasses import dataclass

from torch import Tensor

from srstream.engine.learning import Learning
from srstream.engine.progress import Progress
from srstream.engine.seen import Seen


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a session learnt from a frame."""

    weights: Tensor
    """[N]: those to upscale with from now on; nobody changes them."""
    progress: Progress
    seen: Seen | None
    """How that went; none: it is what was known before the first frame."""
    seq: int
    """Number of the frame."""
    thumbnail: Tensor | None
    """[3, 16, 16]: of that frame; none: it is not known."""


class Taught(Learning):
    """Takes lessons over instead of learning."""

    _lesson: Lesson | None = None
    _cut = 0
    """Number of the first frame of the scene."""

    def teach(self, lesson: Lesson) -> None:
        """Take a lesson over with the next frame."""
        self._lesson = lesson
        if self._carried.thumbnail is None:  # a scene that goes on from before the start
            self._carried.thumbnail = lesson.thumbnail

    def meet(self, seen: Seen, *, seq: int) -> None:
        """As `Learning` says; at a cut the initial weights are in use, to begin with."""
        carried = self._carried
        if seen.scene_change:
            self._cut = seq
            self.leave_scene()
        lesson, self._lesson = self._lesson, None
        if lesson is not None and lesson.seq >= self._cut:  # else: of another scene
            carried.progress = lesson.progress
            carried.publish(lesson.weights)
            if lesson.seen is not None:
                seen.take_over(lesson.seen)
        self.note(seen)

    def note(self, seen: Seen) -> None:
        """As `Learning` says."""
        progress = self._carried.progress
        seen.used, seen.heldout_gain = progress.used, progress.gain_db

    def leave_scene(self) -> None:
        """As `Learning` says; the initial weights are in use again."""
        self._carried.progress = Progress()
        self._carried.publish(self._carried.initial_values)

    def start_afresh(self) -> None:
        """As `Learning` says."""
        super().start_afresh()
        self._carried.progress = Progress()

    def adapt(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        """Do nothing: the other session does."""
        del frame, seen
        return
        yield
