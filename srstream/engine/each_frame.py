"""Learn from every frame, and judge at once whether its steps made anything worse.

For networks that begin with random weights: the initial ones are no better than bicubic,
so that whatever is carried is used unless it is clearly worse than that.
"""

from __future__ import annotations

import math
from collections.abc import Generator as Work

from torch import Tensor

from srstream.engine import judge
from srstream.engine.heldout import HeldOut
from srstream.engine.learning import Learning
from srstream.engine.seen import Seen
from srstream.frames import Outcome, Used


class EachFrame(Learning):
    """Judge `enforce`; with `observe` nothing is taken back but what is not finite."""

    def adapt(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        """As `Learning` says."""
        carried = self._carried
        start = carried.snapshot()
        heldout = None
        if self._options.adapt.heldout:
            self._reserve(frame)
            heldout = self._exam(frame)
        yield
        was_reset = heldout is not None and self._examine_carried(heldout, seen)
        yield
        pairs = self._pairs(frame)
        yield
        trace = yield from self._train(pairs, seen, steps=self._options.adapt.steps)
        if heldout is not None:
            seen.heldout_psnr_after = heldout.psnr(carried.net)
        if not trace.steps and not was_reset:
            return
        reserved = carried.reserved
        if self._is_worth_keeping(seen, was_reset=was_reset):
            if trace.steps:
                carried.learnt(trace.steps)
            kept = Outcome.CONVERGED if trace.converged else Outcome.ADAPTED
            seen.outcome = Outcome.RESET if was_reset else kept
            seen.used = Used.ADAPTED if trace.steps else Used.FROZEN
        else:
            # After a reset neither the carried weights nor the new ones are any good for
            # this frame; the carried ones may be for the next.
            carried.restore(start)
            carried.reserved = reserved
            carried_or_none = Used.CARRIED if carried.steps else Used.FROZEN
            seen.outcome = Outcome.FALLBACK if was_reset else Outcome.ROLLED_BACK
            seen.used = Used.BICUBIC if was_reset else carried_or_none
        carried.publish()
        seen.weight_change = carried.change_since(start.weights)
        seen.heldout_gain = self._gain(seen)

    def _examine_carried(self, heldout: HeldOut, seen: Seen) -> bool:
        """Fill in the dB before; true if the carried weights had to be given up."""
        carried = self._carried
        bicubic, before = heldout.psnr_of_bicubic(), heldout.psnr(carried.net)
        seen.heldout_psnr_frozen = (
            heldout.psnr(carried.initial) if carried.steps else before
        )
        was_reset = self._options.adapt.judge == "enforce" and (
            judge.carried_are_unusable(before, bicubic)
        )
        if was_reset:
            self.start_afresh()
            seen.used = Used.FROZEN
            before = heldout.psnr(carried.net)
        seen.heldout_psnr_bicubic, seen.heldout_psnr_before = bicubic, before
        return was_reset

    def _is_worth_keeping(self, seen: Seen, *, was_reset: bool) -> bool:
        if not self._carried.is_finite():
            return False
        if seen.loss_after is not None and not math.isfinite(seen.loss_after):
            return False
        before, after = seen.heldout_psnr_before, seen.heldout_psnr_after
        if before is None or after is None or self._options.adapt.judge == "observe":
            return True
        # Initial weights, where they were trained, may be below bicubic here themselves.
        bicubic = seen.heldout_psnr_bicubic if was_reset else None
        is_unusable = bicubic is not None and judge.carried_are_unusable(after, bicubic)
        return not is_unusable and not judge.made_it_worse(before, after)

    @staticmethod
    def _gain(seen: Seen) -> float | None:
        """Return what the weights in use gain over the initial ones, in dB."""
        measured = {
            Used.ADAPTED: seen.heldout_psnr_after,
            Used.BICUBIC: seen.heldout_psnr_bicubic,
        }
        used = measured.get(seen.used, seen.heldout_psnr_before)
        if used is None or seen.heldout_psnr_frozen is None:
            return None
        return used - seen.heldout_psnr_frozen
