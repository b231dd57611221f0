"""A stream beside the same stream with frozen weights: what each frame gained and cost."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from srstream.frames import AdaptStats, Used

WRONG_DB = 0.01
"""What a frame may lose to the frozen weights and still not count as falsely accepted."""
MOST_DB = 60.0
"""PSNR from here on counts as this: rounding to 8 bits alone leaves 59 dB, and black is
enlarged without any error."""
LEAST_FLICKER = 1e-3
"""Codes; a clip that flickers less, such as one that stands still, counts as this."""
AT_CUTS = 4
"""Frames from a cut on whose gain is told by itself."""


@dataclass(frozen=True, slots=True)
class FrameGain:
    """One frame, enlarged by a session and by frozen weights."""

    number: int
    """From 0, in the file where the clip is read from one."""
    since_cut: int | None
    """Frames since the last cut; none: there was none yet."""
    psnr_frozen: float
    """dB of the luma against the truth, `MOST_DB` at most."""
    psnr: float
    estimated_gain: float | None
    """dB, as the session thinks."""
    used: Used
    is_as_frozen: bool
    """Every pixel is that of the frozen weights."""
    stats: AdaptStats
    """Of the session."""
    flicker_frozen: float | None
    """Codes of luma against the frame before; none: it is the first."""
    flicker: float | None

    @property
    def gain(self) -> float:
        """Decibels above the frozen weights, in truth."""
        return self.psnr - self.psnr_frozen

    @property
    def is_accepted(self) -> bool:
        """The frame was enlarged by something else than frozen weights."""
        return self.used is not Used.FROZEN

    @property
    def is_false_accept(self) -> bool:
        return self.is_accepted and self.gain < -WRONG_DB


@dataclass(frozen=True, slots=True)
class Summary:
    """Of the frames of a clip, or of several."""

    frames: int
    psnr_frozen: float
    """dB of the luma, mean over the frames; so are the others."""
    psnr: float
    gain: float
    worst_gain: float
    """Of one frame."""
    steps: float
    """Per frame."""
    accepted: int
    """Frames."""
    false_accepts: int
    """Frames that were enlarged by other weights and lost more than `WRONG_DB` by it."""
    harm_when_wrong: float
    """dB lost, mean over the false accepts; 0 without any."""
    harm: float
    """dB lost, mean over all frames, of which those that gained count as 0."""
    correlation: float | None
    """Of estimated and true gain over the accepted frames; none: fewer than three, or one
    of them does not vary."""
    bias: float | None
    """dB by which the estimate is above the true gain over the same frames, mean."""
    flicker_frozen: float
    """Codes of luma, mean over all frames but the first of each clip."""
    flicker: float
    gain_at_cuts: float | None
    """dB, mean over the first frames after each cut; none: there is no cut."""
    used: dict[str, float]
    """Share of the frames by what they were enlarged with."""
    misnamed: int
    """Frames that are said to be enlarged by frozen weights and were not."""
    deadlines_missed: int
    adapt_ms: float
    """Median."""
    upscale_ms: float
    """Median."""

    @property
    def false_share(self) -> float:
        """False accepts in percent of all frames."""
        return 100.0 * self.false_accepts / self.frames

    @property
    def flicker_ratio(self) -> float:
        """Of the flicker to that of the frozen weights."""
        return max(self.flicker, LEAST_FLICKER) / max(self.flicker_frozen, LEAST_FLICKER)


@dataclass(frozen=True, slots=True)
class ClipGain:
    """One clip in one degradation, with one preset in one variant."""

    preset: str
    variant: str
    """Its settings as text; empty: those of the preset."""
    clip: str
    degradation: str
    frames: tuple[FrameGain, ...]
    summary: Summary

    @property
    def settings(self) -> str:
        """Preset and variant."""
        return f"{self.preset} {self.variant}".strip()


def summary_of(frames: Sequence[FrameGain]) -> Summary:
    """Sum up the frames of one clip or of several; of none, an error."""
    gains = [frame.gain for frame in frames]
    wrong = [-frame.gain for frame in frames if frame.is_false_accept]
    judged = [
        (frame.estimated_gain, frame.gain)
        for frame in frames
        if frame.is_accepted and frame.estimated_gain is not None
    ]
    at_cuts = [
        frame.gain
        for frame in frames
        if frame.since_cut is not None and frame.since_cut < AT_CUTS
    ]
    return Summary(
        frames=len(frames),
        psnr_frozen=fmean(frame.psnr_frozen for frame in frames),
        psnr=fmean(frame.psnr for frame in frames),
        gain=fmean(gains),
        worst_gain=min(gains),
        steps=fmean(frame.stats.steps for frame in frames),
        accepted=sum(frame.is_accepted for frame in frames),
        false_accepts=len(wrong),
        harm_when_wrong=fmean(wrong) if wrong else 0.0,
        harm=fmean(max(-gain, 0.0) for gain in gains),
        correlation=_correlation(judged),
        bias=fmean(claimed - true for claimed, true in judged) if judged else None,
        flicker_frozen=_mean_known(frames, lambda frame: frame.flicker_frozen),
        flicker=_mean_known(frames, lambda frame: frame.flicker),
        gain_at_cuts=fmean(at_cuts) if at_cuts else None,
        used={
            used: sum(frame.used is used for frame in frames) / len(frames) for used in Used
        },
        misnamed=sum(not (frame.is_accepted or frame.is_as_frozen) for frame in frames),
        deadlines_missed=sum(frame.stats.deadline_missed for frame in frames),
        adapt_ms=statistics.median(frame.stats.adapt_ms for frame in frames),
        upscale_ms=statistics.median(frame.stats.upscale_ms for frame in frames),
    )


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    claimed, true = ({pair[column] for pair in pairs} for column in (0, 1))
    if len(pairs) < 3 or len(claimed) < 2 or len(true) < 2:
        return None
    return statistics.correlation(*zip(*pairs, strict=True))


def _mean_known(
    frames: Sequence[FrameGain], value: Callable[[FrameGain], float | None]
) -> float:
    known = [found for frame in frames if (found := value(frame)) is not None]
    return fmean(known) if known else 0.0
