"""What `bench gate` asks of online adaptation: harm nowhere, and a gain on `walk`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.gains import ClipGain, Summary, summary_of
from bench.goals import Goal

LEAST_GAIN_DB = -0.02
FALSE_PERCENT, HARM_DB, FLICKER = 5.0, 0.02, 1.02
WALK = ("realtime", "walk", "matched")
"""Preset, clip and degradation of the goals below; of its first frames."""
WALK_FRAMES, WALK_DB, WALK_GAIN_DB, WALK_STEPS = 16, 35.75, 0.08, 3.0


def goals_of(rows: Sequence[ClipGain], total: Summary) -> Iterator[Goal]:
    """Yield the goals about one preset in one variant.

    Args:
        rows: one at least.
        total: of all their frames.
    """
    worst = min(rows, key=lambda row: row.summary.gain)
    yield Goal(
        f"dB above frozen, least of all clips: {_name(worst)}",
        worst.summary.gain,
        at_least=LEAST_GAIN_DB,
    )
    yield Goal("% of all frames falsely accepted", total.false_share, at_most=FALSE_PERCENT)
    worst = max(rows, key=lambda row: row.summary.harm)
    yield Goal(
        f"dB of mean harm, most of all clips: {_name(worst)}",
        worst.summary.harm,
        at_most=HARM_DB,
    )
    worst = max(rows, key=lambda row: row.summary.flicker_ratio)
    yield Goal(
        f"flicker over that of frozen, most of all clips: {_name(worst)}",
        worst.summary.flicker_ratio,
        at_most=FLICKER,
    )
    for row in rows:
        is_walk = (row.preset, row.clip, row.degradation) == WALK
        if is_walk and len(row.frames) >= WALK_FRAMES and row.frames[0].number == 0:
            yield from _of_walk(summary_of(row.frames[:WALK_FRAMES]))


def _of_walk(first: Summary) -> Iterator[Goal]:
    of = f"walk matched, first {WALK_FRAMES}"
    yield Goal(f"Y dB of {of}", first.psnr, at_least=WALK_DB)
    yield Goal(f"dB above frozen of {of}", first.gain, at_least=WALK_GAIN_DB)
    yield Goal(f"steps per frame of {of}", first.steps, at_most=WALK_STEPS)


def _name(row: ClipGain) -> str:
    return f"{row.clip} {row.degradation}"
