"""What is told about a frame: one line of JSON. Field by field in docs/stats.md."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from srstream.frames import Upscaled
from srstream.media.printable import encodable

VERSION = 1
"""Of the line: keys may be added under it, never renamed."""


def stats_line(item: Upscaled, *, run: str, time: datetime) -> str:
    """Return the line about a frame, without a newline: strict JSON, ASCII only.

    Args: as `stats_of`.
    """
    fields = stats_of(item, run=run, time=time)
    return json.dumps(fields, allow_nan=False, separators=(",", ":"))


def stats_of(item: Upscaled, *, run: str, time: datetime) -> dict[str, Any]:
    r"""Return what is told about a frame, by key: what JSON can write.

    Every key is always there; what is not known or not finite is none. Bytes of a
    file's name that are not UTF-8 are written as text, such as `\udcff` for byte 0xff.

    Args:
        item: The frame, its enlargement and its statistics.
        run: Which run of the program this is.
        time: When the frame was done, with its time zone.
    """
    frame, stats, ms = item.frame, item.stats, item.ms
    return {
        "v": VERSION,
        "run": encodable(run),
        "stream": encodable(frame.id.stream),
        "seq": frame.id.seq,
        "source": encodable(frame.id.source),
        "scale": stats.scale,
        "in_size": frame.picture.size,
        "out_size": item.size,
        "outcome": stats.outcome.value,
        "used": stats.used.value,
        "steps": stats.steps,
        "loss_before": _significant(stats.loss_before),
        "loss_after": _significant(stats.loss_after),
        "heldout_psnr_before": _rounded(stats.heldout_psnr_before, 4),
        "heldout_psnr_after": _rounded(stats.heldout_psnr_after, 4),
        "heldout_psnr_bicubic": _rounded(stats.heldout_psnr_bicubic, 4),
        "heldout_psnr_frozen": _rounded(stats.heldout_psnr_frozen, 4),
        "heldout_gain": _rounded(stats.heldout_gain, 4),
        "weight_change": _significant(stats.weight_change),
        "scene_change": bool(stats.scene_change),
        "deadline_missed": bool(stats.deadline_missed),
        "fault": None if stats.fault is None else encodable(stats.fault),
        "ms": {
            "queue": _rounded(ms.queue, 3),
            "decode": _rounded(ms.decode, 3),
            "adapt": _rounded(ms.adapt, 3),
            "upscale": _rounded(ms.upscale, 3),
            "write": _rounded(ms.write, 3),
            "total": _rounded(ms.total, 3),
        },
        "net": encodable(stats.net),
        "preset": encodable(stats.preset),
        "device": encodable(stats.device),
        "time": time.astimezone(UTC).isoformat(timespec="milliseconds"),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)


def _significant(value: float | None) -> float | None:
    """Round to eight digits: more than the float32 that was measured holds."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.8g}")
