"""Which weights may be used? Pure: on what an exam on held-out pixels gave.

For weights that begin at random it is enough that a frame's steps made nothing worse
(`made_it_worse`), since the initial ones are no better than bicubic. Where they were
trained, they are hard to beat, and an exam one octave below the real task is easily
passed by what does harm at it: there adapted ones have to prove themselves (`compare`).
How the limits were found, with figures: docs/decisions/0016.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

from torch import Tensor

from srstream.engine.heldout import Sheet

RESET_MARGIN_DB = 1.0
"""How far below bicubic carried weights may be before they are given up. Giving up good
ones costs all that was learnt, and held-out tiles are few."""
GOOD_ENOUGH_DB = 45.0
"""Above this an error is about one 8-bit code: smooth skies and walls, where bicubic is
perfect and a tenth of a code is many dB. No reason to give anything up."""


def carried_are_unusable(carried: float, bicubic: float) -> bool:
    """True if carried weights are clearly worse than bicubic, or not finite (NaN)."""
    return not carried >= min(bicubic, GOOD_ENOUGH_DB) - RESET_MARGIN_DB


def made_it_worse(before: float, after: float) -> bool:
    """True if adaptation lowered the held-out quality, or it is not finite (NaN)."""
    return not after >= before


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of weights that shall be used instead of the initial ones."""

    surety: float
    """Standard errors by which they must be better, one octave below the real task."""
    agreement: float
    """Cosine between what they changed and what was wrong with the initial ones, of the
    part that K lets through, at both scales."""
    likeness_db: float
    """By how much what K shows of the initial ones' errors may differ between the scales:
    where it does, the frame is of another kind than its smaller copy, and an exam on that
    one tells nothing."""


TO_ENTER = Limits(surety=1.0, agreement=0.55, likeness_db=3.5)
TO_STAY = Limits(surety=-2.0, agreement=0.4, likeness_db=4.5)
"""Less, so that frames do not go back and forth between two sets of weights."""
LOST = -1.5
"""Standard errors by which a challenger must be worse to be given up at once."""
FADING = 0.8
"""Weight of earlier exams beside the next one, when what they found is added up."""


class Verdict(Enum):
    """What an exam came to."""

    PASSED = auto()
    UNDECIDED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Gain:
    """How much smaller an error is, one octave below the real task."""

    share: float = 0.0
    """Of the mean squared error with the initial weights."""
    variance: float = 0.0
    """Of that, from how much it differs from crop to crop."""

    @property
    def surety(self) -> float:
        """The gain in its standard errors."""
        if not self.variance:
            return math.copysign(math.inf, self.share) if self.share else 0.0
        return self.share / math.sqrt(self.variance)

    @property
    def decibels(self) -> float:
        """The gain in dB; infinite if no error is left, NaN if it is not a number."""
        if self.share >= 1.0:
            return math.inf
        return -10.0 * math.log10(1.0 - self.share)

    def after(self, before: Gain) -> Gain:
        """Return both together: that of an earlier exam counts less."""
        total = 1.0 + FADING
        return Gain(
            (self.share + FADING * before.share) / total,
            (self.variance + FADING**2 * before.variance) / total**2,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Adapted weights beside the initial ones, on the same crops."""

    gain: Gain
    agreement: float
    """The smaller of the cosines at the two scales."""
    likeness_db: float
    """How far apart the scales are, from 0."""

    def meets(self, limits: Limits) -> bool:
        """Tell whether they may be used; what is not a number may not."""
        return (
            self.gain.surety >= limits.surety
            and self.agreement >= limits.agreement
            and self.likeness_db <= limits.likeness_db
        )

    def verdict(self) -> Verdict:
        """Judge a challenger; what is not finite fails."""
        if self.meets(TO_ENTER):
            return Verdict.PASSED
        return Verdict.UNDECIDED if self.gain.surety > LOST else Verdict.FAILED


def compare(adapted: Sheet, initial: Sheet, *, before: Gain | None = None) -> Comparison:
    """Hold the sheets of the same exam against each other.

    Args:
        adapted: of the weights that are judged.
        initial: of those that they must beat.
        before: what earlier exams of the same weights, or of those that they came from,
            have shown; none: there were none.
    """
    gain = _gain(adapted.errors, initial.errors)
    return Comparison(
        gain=gain if before is None else gain.after(before),
        agreement=_smaller(
            _agreement(adapted.below, initial.below),
            _agreement(adapted.beyond, initial.beyond),
        ),
        likeness_db=abs(_ratio_db(initial.beyond, initial.below)),
    )


def _gain(adapted: Tensor, initial: Tensor) -> Gain:
    """Return the paired gain: the standard error is that of the differences."""
    mean = float(initial.mean())
    if not mean:
        return Gain()
    gains, count = (initial - adapted) / mean, initial.numel()
    variance = float(gains.var()) / count if count > 1 else 0.0
    return Gain(float(gains.mean()), variance)


def _agreement(adapted: Tensor, initial: Tensor) -> float:
    """Return the cosine between the change and what would have undone the error."""
    change = adapted - initial
    norms = float(change.norm()) * float(initial.norm())
    return -float(change @ initial) / norms if norms else 0.0


def _smaller(one: float, other: float) -> float:
    """Return the smaller; NaN if either is, which `min` does not promise."""
    return math.nan if math.isnan(one + other) else min(one, other)


def _ratio_db(one: Tensor, other: Tensor) -> float:
    means = float(one.square().mean()), float(other.square().mean())
    if not all(means):
        return math.inf
    return 10.0 * (math.log10(means[0]) - math.log10(means[1]))
