"""What is known of one frame's adaptation while it goes on, and its statistics."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from srstream.frames import AdaptStats, Outcome, Used


@dataclass(slots=True)
class Seen:
    """The fields of `AdaptStats` that the adaptation fills in."""

    outcome: Outcome = Outcome.SKIPPED
    steps: int = 0
    loss_before: float | None = None
    loss_after: float | None = None
    heldout_psnr_before: float | None = None
    heldout_psnr_after: float | None = None
    heldout_psnr_bicubic: float | None = None
    heldout_psnr_frozen: float | None = None
    heldout_gain: float | None = None
    used: Used = Used.FROZEN
    fault: str | None = None
    weight_change: float | None = None
    scene_change: bool = False

    def take_over(self, other: Seen) -> None:
        """Tell of what was learnt elsewhere; a frame is repeated or a scene's own here."""
        if other.outcome is Outcome.REUSED:
            return
        for name in asdict(other):
            if name not in ("used", "scene_change"):
                setattr(self, name, getattr(other, name))

    def stats(self, **others: Any) -> AdaptStats:
        """Return the statistics; `others` are the fields that are not of these."""
        known = {name: _known(value) for name, value in asdict(self).items()}
        return AdaptStats(**known, **others)


def _known(value: Any) -> Any:
    """Return the value, or None for a number that is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
