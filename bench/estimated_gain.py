"""What the statistics of a frame claim: by which weights it was enlarged, and the gain."""

from __future__ import annotations

from srstream.frames import AdaptStats, Outcome

FROZEN = "frozen"
USED = (FROZEN, "carried", "adapted", "cached", "bicubic")
"""What a frame may be enlarged with."""

_USED_BY_OUTCOME = {
    Outcome.ADAPTED: "adapted",
    Outcome.CONVERGED: "adapted",
    Outcome.RESET: "adapted",
    Outcome.ROLLED_BACK: "carried",
    Outcome.SKIPPED: FROZEN,
    Outcome.FALLBACK: "bicubic",
    Outcome.REUSED: "cached",
}


def used_in(stats: AdaptStats) -> str:
    """Return one of `USED`."""
    used: str | None = getattr(stats, "used", None)
    return _USED_BY_OUTCOME[stats.outcome] if used is None else used


def missed_deadline(stats: AdaptStats) -> bool:
    """Tell whether the frame came too late for an adaptation."""
    return bool(getattr(stats, "deadline_missed", False))


def estimated_gain(stats: AdaptStats) -> float | None:
    """Return by how many dB the used weights beat the frozen ones, as the session thinks.

    None where nothing was held out. Statistics that do not tell it are those of an engine
    which judges every frame by itself: there it is what the steps of this frame gained.
    """
    if hasattr(stats, "heldout_gain"):
        gain: float | None = stats.heldout_gain
        return gain
    before, after = stats.heldout_psnr_before, stats.heldout_psnr_after
    return None if before is None or after is None else after - before
