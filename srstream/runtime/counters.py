"""What a stream has done so far. Written by its pipeline only, read by anybody."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from srstream.frames import AdaptStats, Outcome

_KEPT = frozenset({Outcome.ADAPTED, Outcome.CONVERGED, Outcome.RESET})


@dataclass(slots=True)
class Counters:
    """Numbers of frames since the stream started."""

    done: int = 0
    """Written by every sink of pictures."""
    returned: int = 0
    """Given back to the source unprocessed."""
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
    gains: int = 0
    """Frames whose gain is known."""
    gain: float = 0.0
    """Their gains over bicubic on held-out pixels together, in dB."""

    @property
    def finished(self) -> int:
        """Frames that are off our hands for good."""
        return self.done + self.failed.total()

    def note(self, stats: AdaptStats) -> None:
        """Count an upscaled frame's statistics."""
        self.kept += stats.outcome in _KEPT
        self.reused += stats.outcome is Outcome.REUSED
        after, bicubic = stats.heldout_psnr_after, stats.heldout_psnr_bicubic
        if after is not None and bicubic is not None:
            self.gains += 1
            self.gain += after - bicubic
