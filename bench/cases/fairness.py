"""One heavy stream beside a light one on the same CPU, and how long a stop takes.

A daemon with one `light` stream, then one with the same stream beside a `paper` stream,
whose single frame would take many minutes. The light stream's frames per second are
counted in the statistics. Goal: beside the heavy one it keeps 40 % of its solo rate (half
would be its equal share of the time). Then SIGTERM: the heavy frame is given back, and the
process must end within the grace of 20 s with status 0.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from bench.pictures import pan, save
from bench.report import Report, Table, say
from bench.serving import Served, serving
from bench.timing import rate

KEPT = 0.40
GRACE = 20.0
_FRAMES_PER_SECOND = 30
"""More than the light stream does: it must not run out of frames."""
_DIFFERENT = 24
"""Photographs behind the frames."""
_START = 300.0
"""Seconds within which the first frame must be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    seconds: Annotated[float, "to count for, in each of the two runs"] = 60.0
    side: Annotated[int, "of a frame in pixels, before it is enlarged; 300 at most"] = 128


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the daemon."""

    light_fps: float
    light_frames: int
    stop_seconds: float
    heavy_given_back: int
    """Frames of the heavy stream that were in hand at the stop."""


def run(options: Options) -> Report:
    """Count alone, then beside."""
    with tempfile.TemporaryDirectory() as place:
        alone = _served(Path(place) / "alone", options, ("light",))
        say(f"alone: {alone.light_fps:.3f} fps")
        beside = _served(Path(place) / "beside", options, ("light", "paper"))
        say(f"beside: {beside.light_fps:.3f} fps")
    if not beside.heavy_given_back:
        raise ValueError("the heavy stream had no frame in hand: nothing was measured")
    return _report(alone, beside)


def _served(place: Path, options: Options, presets: tuple[str, ...]) -> Ran:
    frames = int(options.seconds + 1) * _FRAMES_PER_SECOND
    place.mkdir()
    _fill(place / "light", frames=frames, side=options.side)
    _fill(place / "paper", frames=1, side=options.side)
    config = place / "bench.toml"
    config.write_text(configuration(presets))
    with serving(["--config", str(config)], log=place / "daemon.log") as daemon:
        moments = daemon.watch(
            place / "light.jsonl", seconds=options.seconds, within=_START
        )
        stop_seconds = daemon.stop()
    if len(moments) >= frames:
        raise ValueError("the light stream ran out of frames: count for fewer seconds")
    return Ran(rate(moments), len(moments), stop_seconds, _given_back(daemon, "paper"))


def _fill(folder: Path, *, frames: int, side: int) -> None:
    """Put frames there; a few photographs under many names."""
    folder.mkdir()
    different = min(frames, _DIFFERENT)
    for number, pixels in enumerate(pan(different, side=side)):
        save(pixels, folder / f"{number:06d}.png")
    for number in range(different, frames):
        name = f"{number % different:06d}.png"
        (folder / f"{number:06d}.png").hardlink_to(folder / name)


def configuration(presets: tuple[str, ...]) -> str:
    """Return a configuration with a stream for each of these presets."""
    return f"[daemon]\ngrace = {GRACE}\n" + "".join(
        f"""
[streams.{preset}]
preset = "{preset}"
device = "cpu"
source = {{ type = "directory", path = "{preset}" }}
sinks = [
  {{ type = "directory", path = "{preset}-out" }},
  {{ type = "stats", path = "{preset}.jsonl" }},
]
"""
        for preset in presets
    )


def _given_back(daemon: Served, stream: str) -> int:
    ends = [e for e in daemon.events("stream ended") if e.get("stream") == stream]
    return sum(int(str(end["returned"])) for end in ends)


def _report(alone: Ran, beside: Ran) -> Report:
    kept = beside.light_fps / alone.light_fps
    stop_seconds = max(alone.stop_seconds, beside.stop_seconds)
    figures = {
        "alone": asdict(alone),
        "beside": asdict(beside),
        "kept": kept,
        "kept_goal": KEPT,
        "grace_seconds": GRACE,
    }
    table = Table(
        "A light stream, alone and beside a paper stream",
        ("run", "light fps", "light frames", "seconds to stop", "given back"),
        (
            ("alone", alone.light_fps, alone.light_frames, alone.stop_seconds, None),
            (
                "beside",
                beside.light_fps,
                beside.light_frames,
                beside.stop_seconds,
                beside.heavy_given_back,
            ),
        ),
        digits=3,
    )
    return Report(
        figures,
        (table,),
        (
            f"Kept {kept:.2f} of its rate; goal {KEPT:.2f}: "
            f"{'met' if kept >= KEPT else 'MISSED'}.",
            f"Stopped in {stop_seconds:.1f} s with status 0; goal {GRACE:.0f} s: "
            f"{'met' if stop_seconds <= GRACE else 'MISSED'}.",
        ),
    )
