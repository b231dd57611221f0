"""Gains as tables for people and as figures for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from bench.gains import ClipGain, FrameGain, Summary, summary_of
from bench.report import Cell, Table
from srstream.frames import Used


def tables_of(
    name: str, rows: Sequence[ClipGain], total: Summary, *, per_frame: bool
) -> Iterator[Table]:
    """Yield the tables of one preset in one variant.

    Args:
        name: of preset and variant.
        rows: its clips.
        total: of all their frames.
        per_frame: a table for each clip as well.
    """
    if per_frame:
        yield from (_frame_by_frame(name, row) for row in rows)
    summaries = [(row.clip, row.degradation, row.summary) for row in rows]
    summaries.append(("total", "", total))
    yield Table(
        f"{name}: dB of the luma, means over the frames",
        (
            *("clip", "degradation", "frames", "frozen", "online", "gain", "worst"),
            *("steps", "accepted", "false %", "when wrong", "harm", "correl.", "flicker"),
        ),
        tuple((*which, *_gains(summary)) for *which, summary in summaries),
        digits=3,
    )
    yield Table(
        f"{name}: what the frames were enlarged with, in %; the estimate; medians of ms",
        (
            *("clip", "degradation", *Used, "late", "bias dB", "dB at cuts"),
            *("adapt ms", "upscale ms"),
        ),
        tuple((*which, *_ways(summary)) for *which, summary in summaries),
        digits=3,
    )


def table_of_runs(runs: Mapping[str, Sequence[ClipGain]]) -> Table:
    """Return presets and variants beside each other, a line each."""
    return Table(
        "All clips; lines differ in the preset or in its settings",
        (
            *("settings", "gain", "worst clip", "steps", "accepted", "false %"),
            *("when wrong", "harm", "worst clip", "correl.", "worst flicker"),
        ),
        tuple((name, *_run(rows)) for name, rows in runs.items()),
        digits=3,
    )


def figures_of(summary: Summary) -> dict[str, Any]:
    """Return a summary with what is worked out from it."""
    return {
        **asdict(summary),
        "false_percent": summary.false_share,
        "flicker_ratio": summary.flicker_ratio,
    }


def columns_of(frames: Sequence[FrameGain]) -> dict[str, list[Any]]:
    """Return frames, one at least, as one list per value, with their statistics."""
    told = [
        {
            **{entry.name: getattr(frame, entry.name) for entry in fields(frame)},
            "gain": frame.gain,
            **asdict(frame.stats),
        }
        for frame in frames
    ]
    return {name: [each[name] for each in told] for name in told[0] if name != "stats"}


def _gains(summary: Summary) -> tuple[Cell, ...]:
    return (
        summary.frames,
        f"{summary.psnr_frozen:.2f}",
        f"{summary.psnr:.2f}",
        summary.gain,
        summary.worst_gain,
        f"{summary.steps:.2f}",
        summary.accepted,
        f"{summary.false_share:.1f}",
        summary.harm_when_wrong,
        summary.harm,
        _signed(summary.correlation),
        summary.flicker_ratio,
    )


def _run(rows: Sequence[ClipGain]) -> tuple[Cell, ...]:
    total = summary_of([frame for row in rows for frame in row.frames])
    return (
        total.gain,
        min(row.summary.gain for row in rows),
        f"{total.steps:.2f}",
        total.accepted,
        f"{total.false_share:.1f}",
        total.harm_when_wrong,
        total.harm,
        max(row.summary.harm for row in rows),
        _signed(total.correlation),
        max(row.summary.flicker_ratio for row in rows),
    )


def _ways(summary: Summary) -> tuple[Cell, ...]:
    return (
        *(f"{100.0 * summary.used[used]:.0f}" for used in Used),
        summary.deadlines_missed,
        _signed(summary.bias),
        summary.gain_at_cuts,
        f"{summary.adapt_ms:.1f}",
        f"{summary.upscale_ms:.1f}",
    )


def _frame_by_frame(name: str, row: ClipGain) -> Table:
    return Table(
        f"{name}: {row.clip} {row.degradation}, frame by frame",
        (
            *("frame", "frozen", "online", "true gain", "estimate", "used", "outcome"),
            *("steps", "cut", "flicker", "of frozen", "adapt ms", "upscale ms"),
        ),
        tuple(_line(frame) for frame in row.frames),
        digits=3,
    )


def _line(frame: FrameGain) -> tuple[Cell, ...]:
    return (
        frame.number,
        f"{frame.psnr_frozen:.2f}",
        f"{frame.psnr:.2f}",
        f"{frame.gain:+.4f}" + (" !" if frame.is_false_accept else ""),
        "" if frame.estimated_gain is None else f"{frame.estimated_gain:+.4f}",
        frame.used,
        frame.stats.outcome,
        frame.stats.steps,
        "cut" if frame.since_cut == 0 else "",
        frame.flicker,
        frame.flicker_frozen,
        f"{frame.stats.adapt_ms:.1f}",
        f"{frame.stats.upscale_ms:.1f}",
    )


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"
