"""What a camera saw as figures: rate, latency, gaps, what was said of adapting. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np

from bench.camera import Seen
from bench.timing import rate


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Held:
    """What held in the window. A frame belongs to it by when it was due."""

    sent: int
    received: int
    """Of those."""
    fps: float
    """Between the first and the last that came back."""
    latency: Latency
    """From when a frame was due to when it was back: a sender that is held up, or late,
    cannot make it look better."""
    late: Latency
    """From when a frame was due to when it was handed to ZeroMQ."""
    dropped: int
    """Frames that were sent and did not come back."""
    gaps: int
    """Numbers of srstream's own that are missing between those that came back."""
    out_of_turn: int
    """Frames that came after a later one."""


def held(seen: Seen) -> Held:
    """Sum up what was seen.

    Raises:
        ValueError: fewer than two frames of the window came back.
    """
    first, last = seen.window
    inside = {n for n, due in enumerate(seen.due, 1) if first <= due < last}
    back = [
        (moment, header) for moment, header in headers(seen) if header["src_seq"] in inside
    ]
    if len(back) < 2:
        raise ValueError(f"{len(back)} of {len(inside)} frames came back")
    numbers = [header["src_seq"] for _, header in back]
    own = [header["seq"] for _, header in back]
    return Held(
        sent=len(inside),
        received=len(back),
        fps=rate([moment for moment, _ in back]),
        latency=_latency([moment - seen.due[h["src_seq"] - 1] for moment, h in back]),
        late=_latency([seen.sent[n - 1] - seen.due[n - 1] for n in sorted(inside)]),
        dropped=len(inside - set(numbers)),
        gaps=max(own) - min(own) + 1 - len(set(own)),
        out_of_turn=sum(b <= a for a, b in pairwise(numbers)),
    )


def headers(seen: Seen) -> list[tuple[float, dict[str, Any]]]:
    """Return when each frame came back, and what its header says."""
    return [(moment, json.loads(header)) for moment, header in seen.received]


def adaptation(seen: Seen) -> dict[str, Any]:
    """Return the means of the statistics of the window's frames; none: nobody tells.

    Shares are of the frames that say it at all.
    """
    first, last = seen.window
    told = [
        header.get("stats") or {}
        for moment, header in headers(seen)
        if first <= moment < last
    ]
    times = [each.get("ms") or {} for each in told]
    return {
        "outcomes": dict(Counter(str(each.get("outcome")) for each in told)),
        "steps": _mean(told, "steps"),
        "used": dict(Counter(str(each.get("used")) for each in told)),
        "deadline_missed": _mean(told, "deadline_missed"),
        "scene_change": _mean(told, "scene_change"),
        "heldout_psnr_before": _mean(told, "heldout_psnr_before"),
        "heldout_psnr_after": _mean(told, "heldout_psnr_after"),
        "heldout_psnr_frozen": _mean(told, "heldout_psnr_frozen"),
        "heldout_gain": _mean(told, "heldout_gain"),
        "ms": {
            part: _mean(times, part)
            for part in ("queue", "decode", "adapt", "upscale", "write", "total")
        },
    }


def _mean(told: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [float(each[key]) for each in told if each.get(key) is not None]
    return fmean(values) if values else None


def _latency(seconds: Sequence[float]) -> Latency:
    return Latency(*(float(1e3 * x) for x in np.percentile(seconds, (50, 95, 99, 100))))
