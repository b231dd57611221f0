"""Use adapted weights only where they prove better than the initial, trained ones.

Steps are taken on every frame, on the network that learns. Every `keyframe` frames an exam
is held on the tiles that the scene reserves: the *initial* weights, those *in use*, and the
*challenger*, which is what learnt. The frame is upscaled with the winner.

    challenger passes    it is in use from this frame on
    is undecided         it goes on learning; after a while it has failed
    fails                it is taken back to what is in use, and learning pauses: longer
                         each time, until the next cut
    in use, and fails    the initial ones are in use again

At a cut frames are upscaled with the initial weights, unless those in use, or those of a
remembered scene that looked like this one, pass the exam on its first frame.
"""

from __future__ import annotations

from collections.abc import Generator as Work
from dataclasses import dataclass

import torch
from torch import Tensor

from srstream.engine.flat import change
from srstream.engine.heldout import HeldOut, Sheet
from srstream.engine.judge import LOST, TO_STAY, Comparison, Gain, Verdict, compare
from srstream.engine.learning import Learning
from srstream.engine.progress import Progress
from srstream.engine.remembered import Scene
from srstream.engine.seen import Seen
from srstream.frames import Outcome, Used

PATIENCE = 6
"""Exams after which a challenger that is still undecided has failed."""
PAUSE = 4
"""Keyframes without learning after the first challenger that failed; then twice as many."""
LONGEST_PAUSE = 64
AT_A_CUT = 2
"""Times as many steps as usual on frames of a scene in which no exam was held yet."""
WORSE = 1.25
"""Times the error of the exam before: the picture has changed, and learning is resumed."""
LOOK = 8
"""Keyframes of a pause after which it is looked at whether it has."""


@dataclass(slots=True)
class Sitting:
    """An exam that is being held."""

    exam: HeldOut
    initial: Sheet | None = None
    in_use: Sheet | None = None


class Cautious(Learning):
    """Judge `cautious`."""

    _left: Tensor | None = None
    """[N]: at a cut, what the frames before were upscaled with; none: the initial ones."""
    _sitting: Sitting | None = None
    """An exam for which the last frames had not enough time. Nothing is learnt meanwhile.
    Not saved: without a deadline there is none between two frames."""

    def meet(self, seen: Seen, *, seq: int) -> None:
        """As `Learning` says; at a cut the initial weights are in use, to begin with."""
        del seq
        carried = self._carried
        if seen.scene_change or self._options.adapt.mode == "per-frame":
            is_adapted = carried.progress.used is not Used.FROZEN
            left = carried.published_weights.copy() if is_adapted else None
            self.leave_scene()
            self._left = left
        self.note(seen)

    def start_afresh(self) -> None:
        """As `Learning` says."""
        super().start_afresh()
        self._carried.progress = self._carried.progress.but(
            used=Used.FROZEN, gain_db=0.0, steps=0, trials=0
        )

    def put_down(self) -> None:
        """As `Learning` says; an exam on it would be one on a frame that never was."""
        self._sitting = None

    def resume(self) -> None:
        """As `Learning` says; what did not prove itself yet has to, like a scene's."""
        carried, self._sitting = self._carried, None
        is_proven = carried.progress.used is not Used.FROZEN
        if is_proven or torch.equal(
            carried.published_weights.values, carried.initial_values
        ):
            return
        self._remember()
        self.start_afresh()
        carried.reserved = None

    def leave_scene(self) -> None:
        """As `Learning` says; the initial weights are in use again."""
        carried, self._sitting, self._left = self._carried, None, None
        carried.reserved = None
        carried.progress = Progress(scene=carried.progress.scene + 1)
        carried.publish(carried.initial_values)
        self._begin_with(carried.initial_values)

    def adapt(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        """As `Learning` says."""
        carried, keyframe = self._carried, self._options.adapt.keyframe
        before = carried.published_weights.copy()
        known = carried.reserved
        self._reserve(frame)
        if carried.reserved is not known:
            self._sitting = None
        if known is None:
            try:
                yield from self._look_back(frame, seen)
            except GeneratorExit:  # no time: the next frame looks back
                carried.reserved = None
                raise
        progress = carried.progress
        is_overdue = progress.frames >= keyframe
        carried.progress = progress.but(frames=progress.frames + 1)
        if is_overdue:  # there was no time for it
            yield from self._hold(frame, seen)
        if carried.progress.pause:
            carried.progress = carried.progress.but(pause=carried.progress.pause - 1)
        else:
            yield from self._learn(frame, seen)
        if not is_overdue and carried.progress.frames >= keyframe:
            yield from self._hold(frame, seen)
        seen.weight_change = change(before, carried.published_weights.values.detach())

    def note(self, seen: Seen) -> None:
        """As `Learning` says."""
        seen.used = self._carried.progress.used
        seen.heldout_gain = self._carried.progress.gain_db

    def _begin_with(self, values: Tensor) -> None:
        """Let the challenger start from these weights, [N]."""
        self._carried.weights.set(values)
        self._carried.adapter.forget()

    def _look_back(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        """At a cut: do weights of other scenes pass here?"""
        carried = self._carried
        candidates = [] if self._left is None else [(Used.CARRIED, self._left)]
        like = carried.thumbnail is not None and carried.remembered.of(carried.thumbnail)
        if like:
            candidates.append((Used.CACHED, like.weights))
        if not candidates or self._options.adapt.mode == "per-frame":
            self._left = None
            return
        exam = self._exam(frame)
        initial = exam.sheet(carried.initial)
        yield
        best: tuple[Used, Tensor, Comparison] | None = None
        for used, values in candidates:
            self._begin_with(values)
            found = compare(exam.sheet(carried.net), initial)
            if found.verdict() is Verdict.PASSED and (
                best is None or found.gain.share > best[2].gain.share
            ):
                best = used, values, found
            self._begin_with(carried.initial_values)
            yield
        self._left = None
        if best is not None:
            used, values, found = best
            carried.publish(values)
            self._begin_with(values)
            carried.progress = carried.progress.but(used=used, gain_db=found.gain.decibels)
            self.note(seen)

    def _learn(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        carried, adapt = self._carried, self._options.adapt
        is_young = not carried.progress.error and adapt.mode == "online"
        steps = adapt.steps * (AT_A_CUT if is_young else 1)
        pairs = self._pairs(frame)
        yield
        try:
            is_due = carried.progress.frames >= adapt.keyframe
            yield from self._train(pairs, seen, steps=steps, tell_loss_after=is_due)
        finally:
            if seen.steps:
                seen.outcome = Outcome.PENDING
                carried.progress = carried.progress.but(
                    steps=carried.progress.steps + seen.steps
                )
                if not carried.is_finite():  # never saved: it could not be loaded again
                    self._give_up(seen)
                elif adapt.radius is not None:
                    carried.stay_within(adapt.radius)

    def _hold(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        """Hold the exam, if there is anybody to be examined, or go on with it."""
        carried, progress = self._carried, self._carried.progress
        is_idle = not progress.steps and progress.used is Used.FROZEN
        if is_idle and (progress.pause // self._options.adapt.keyframe) % LOOK != 1:
            carried.progress = progress.but(frames=0)
            return
        sitting = self._sitting = self._sitting or Sitting(self._exam(frame))
        exam, initial, in_use = sitting.exam, sitting.initial, sitting.in_use
        if initial is None:
            initial = sitting.initial = exam.sheet(carried.initial)
            yield
        if in_use is None and progress.used is not Used.FROZEN:
            in_use = sitting.in_use = exam.sheet(carried.published)
            yield
        self._sitting = None
        challenger = exam.sheet(carried.net) if progress.steps else None
        seen.heldout_psnr_bicubic = exam.psnr_of_bicubic()
        seen.heldout_psnr_frozen = initial.psnr
        seen.heldout_psnr_before = (in_use or initial).psnr
        error = float(initial.errors.mean())
        if progress.error and error > WORSE * progress.error:
            progress = progress.but(pause=0, patience=0)
        carried.progress = progress.but(frames=0, error=error)
        if challenger is not None:
            seen.heldout_psnr_after = challenger.psnr
            self._judge(challenger, initial, in_use, seen)
        if in_use is not None and seen.used is not Used.ADAPTED:
            self._review(compare(in_use, initial), seen)
        seen.heldout_gain = carried.progress.gain_db

    def _judge(
        self, challenger: Sheet, initial: Sheet, in_use: Sheet | None, seen: Seen
    ) -> None:
        carried, progress = self._carried, self._carried.progress
        trials = progress.trials + 1
        shown = Gain(progress.evidence, progress.doubt) if progress.trials else None
        found = compare(challenger, initial, before=shown)
        verdict = found.verdict()
        if (
            verdict is Verdict.PASSED
            and in_use is not None
            and compare(challenger, in_use).gain.surety < LOST
        ):
            verdict = Verdict.UNDECIDED  # what is in use is better still
        if verdict is Verdict.PASSED:
            carried.publish()
            carried.learnt(progress.steps)
            seen.outcome, seen.used = Outcome.ADAPTED, Used.ADAPTED
            carried.progress = progress.but(
                used=Used.CARRIED,
                gain_db=found.gain.decibels,
                steps=0,
                trials=0,
                patience=0,
            )
            self._remember()
        elif verdict is Verdict.FAILED or trials >= PATIENCE:
            self._give_up(seen)
        else:
            carried.progress = progress.but(
                trials=trials, evidence=found.gain.share, doubt=found.gain.variance
            )

    def _give_up(self, seen: Seen) -> None:
        """Take the challenger back, and learn nothing for a while."""
        carried, progress = self._carried, self._carried.progress
        self._begin_with(carried.published_weights.values.detach())
        keyframes = min(PAUSE * 2**progress.patience, LONGEST_PAUSE)
        seen.outcome = Outcome.ROLLED_BACK
        carried.progress = progress.but(
            steps=0,
            trials=0,
            pause=keyframes * self._options.adapt.keyframe,
            patience=progress.patience + 1,
        )

    def _review(self, found: Comparison, seen: Seen) -> None:
        """Take what is in use back if it does not hold on this frame."""
        carried = self._carried
        if found.meets(TO_STAY):
            carried.progress = carried.progress.but(gain_db=found.gain.decibels)
            return
        self.start_afresh()
        seen.outcome, seen.used = Outcome.RESET, Used.FROZEN

    def _remember(self) -> None:
        carried = self._carried
        if carried.thumbnail is not None:
            weights = carried.published_weights.copy()
            left = Scene(carried.progress.scene, carried.thumbnail, weights)
            carried.remembered = carried.remembered.adding(left)
