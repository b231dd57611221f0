"""What a stream has done so far. Written by its pipeline only, read by anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Self

from srstream.frames import AdaptStats, Outcome

_KEPT = frozenset({Outcome.ADAPTED, Outcome.CONVERGED, Outcome.RESET})


@dataclass(slots=True)
class Counters:
    """Numbers of frames since the stream started."""

    done: int = 0
    """Written by every sink of pictures."""
    returned: int = 0
    """Given back to the source unprocessed."""
    dropped: int = 0
    """Dropped by a feed, since they came faster than we are."""
    lost: int = 0
    """Accepted by a feed and in our hands when a stop or a failure cut them short."""
    kept: int = 0
    """Upscaled with weights adapted to them."""
    failed: Counter[str] = field(default_factory=Counter)
    """Given up, by the class of the error."""
    later: int = 0
    """Could not be read when their turn came, and are offered again."""
    reused: int = 0
    """Identical to the frame before, whose enlargement was used again."""
    sink_errors: int = 0
    """Writes that failed, of reports too, and of those tried again."""
    stalled_since: float | None = None
    """The clock when outputs could no longer be written; none: they can."""
    learnt: int = 0
    """On which steps were taken, whatever became of them."""
    late: int = 0
    """Ready later than the stream's `target_fps` allows."""
    faults: int = 0
    """Whose adaptation something went wrong in."""
    gains: int = 0
    """Frames whose gain over bicubic is known."""
    gain: float = 0.0
    """These gains on held-out pixels together, in dB."""
    judged: int = 0
    """Frames whose gain over the initial weights is known."""
    over_initial: float = 0.0
    """These gains on held-out pixels together, in dB."""

    @property
    def finished(self) -> int:
        """Frames that are off our hands for good."""
        return self.done + self.failed.total() + self.dropped + self.lost

    @classmethod
    def sum(cls, many: Iterable[Counters]) -> Self:
        """Return the counts of several together; stalled since the first of them is."""
        total = cls()
        for one in many:
            total.add(one)
        return total

    def add(self, other: Counters) -> None:
        """Count what another counted, too."""
        stalled = [s for s in (self.stalled_since, other.stalled_since) if s is not None]
        for each in fields(self):
            if each.name != "stalled_since":
                setattr(
                    self, each.name, getattr(self, each.name) + getattr(other, each.name)
                )
        self.stalled_since = min(stalled, default=None)

    def note(self, stats: AdaptStats) -> None:
        """Count an upscaled frame's statistics."""
        self.kept += stats.outcome in _KEPT
        self.reused += stats.outcome is Outcome.REUSED
        self.learnt += stats.steps > 0
        self.late += stats.deadline_missed
        self.faults += stats.fault is not None
        used, bicubic = _used_psnr(stats), stats.heldout_psnr_bicubic
        if used is not None and bicubic is not None:
            self.gains += 1
            self.gain += used - bicubic
        if stats.heldout_gain is not None:
            self.judged += 1
            self.over_initial += stats.heldout_gain


def _used_psnr(stats: AdaptStats) -> float | None:
    """Return the dB on held-out pixels of the weights the frame was enlarged with."""
    if stats.heldout_psnr_frozen is None or stats.heldout_gain is None:
        return stats.heldout_psnr_after
    return stats.heldout_psnr_frozen + stats.heldout_gain
