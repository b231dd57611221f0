"""The whole daemon on a folder of frames: how fast it is, and how large."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.pictures import save
from bench.resident import most_resident
from bench.serving import serving
from bench.timing import Timing, rate, timing_of
from srstream.engine import SessionOptions

_LATE = 1800.0
"""Seconds after which the daemon must be hanging."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Frames read from PNG files, enlarged, and written as PNG files."""

    fps: float
    """From the end of the first frame to the end of the last."""
    between: Timing
    """From the end of one frame to the end of the next."""
    most_mb: float
    """Resident memory at its highest, the start included."""


def through_the_daemon(
    settings: SessionOptions,
    lows: Sequence[NDArray[np.uint8]],
    *,
    count: int,
    device: str,
    place: Path,
) -> Whole:
    """Serve a folder with frames in it.

    Args:
        settings: of which preset, scale and precision are told to the daemon.
        lows: the frames [h, w, 3]; again and again, if there are fewer than `count`.
        count: frames in the folder, two at least.
        device: as in the configuration.
        place: an empty folder for all of it; it is emptied again.

    Raises:
        ValueError: the daemon failed, or hangs.
    """
    inbox = place / "inbox"
    inbox.mkdir(parents=True)
    for number in range(count):
        save(lows[number % len(lows)], inbox / f"frame{number:04d}.png")
    config = place / "bench.toml"
    config.write_text(configuration(settings, device=device))
    with (
        serving(["--config", str(config)], log=place / "daemon.log") as daemon,
        most_resident(daemon.process.pid) as most,
    ):
        stats = place / "stats.jsonl"
        moments = sorted(daemon.wait_for(stats, frames=count, within=_LATE))
        daemon.stop()
    shutil.rmtree(place)
    return Whole(rate(moments), timing_of(np.diff(moments).tolist()), most.mb)


def configuration(settings: SessionOptions, *, device: str) -> str:
    """Return a file for one stream from `inbox` to `outbox`."""
    return f"""\
[daemon]
state_dir = "state"

[streams.bench]
preset = "{settings.preset}"
scale = {settings.scale}
precision = "{settings.precision}"
device = "{device}"
source = {{ type = "directory", path = "inbox" }}
sinks = [
  {{ type = "directory", path = "outbox" }},
  {{ type = "stats", path = "stats.jsonl" }},
]
"""
