"""What a frame costs, part by part, and how good it is: per preset, size and precision.

The frames are made small from larger ones, so that the truth is known: photographs that
come with scikit-image, or the PNG files of a folder; what is too small for a size goes on
mirrored, of what is too large the middle is taken.

  forward   the network on a whole frame, in one piece: RGB, and where the network is one
            of luma that plane alone, as a video has it
  enlarge   tiles, symmetries and back-projections as the preset has them
  pairs     all that a frame needs: the pyramid, and a batch for every step
  loss      forward and backward on a batch, without the network
  step      one batch of pairs, network, loss and Adam
  frame     a whole `Session.step`: 8-bit pixels in, 8-bit pixels out
  daemon    a folder of PNG files to a folder of PNG files, and the most memory it takes

The operations are counted by torch, two per multiply-add; the peak is that of a matrix
product in the same precision, measured in the same run. Goals are held against the
precision that the self-test chooses, which is what users get. The presets of full size take
two steps per frame instead of hundreds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.arguments import PRECISIONS, Fixed, Preset
from bench.flops import peak
from bench.goals import Goal, judged
from bench.parts import Parts, Streamed, parts_of, streamed
from bench.pictures import WITHOUT_A_NETWORK, shrunk, truths
from bench.report import Report, Table, say
from bench.sessions import settings_of, with_precision
from bench.timing import Timing, in_ms
from bench.whole import Whole, through_the_daemon
from srstream.engine import SessionOptions, choose_device
from srstream.evaluation.metrics import psnr_rgb, psnr_y

FULL_SIZE = ("paper", "paper-code")
_FEW_STEPS = 2
GOAL_PRESET, GOAL_SIZE, GOAL_SCALE = "realtime", "480x270", 2
FORWARD_MS, STEP_MS, PAIRS_MS, DAEMON_MB = 18.6, 7.0, 1.0, 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    presets: Annotated[tuple[Preset, ...], "which"] = ("realtime", "balanced", "light")
    sizes: Annotated[tuple[str, ...], "of frames in pixels, before they are enlarged"] = (
        "480x270",
        "640x360",
        "960x540",
    )
    precisions: Annotated[tuple[Fixed, ...], "of the convolutions"] = PRECISIONS
    scale: Annotated[int, "2, 3 or 4"] = 2
    data: Annotated[Path | None, "folder of PNG files, instead of photographs"] = None
    frames: Annotated[int, "how many different ones are scored"] = 4
    seconds: Annotated[float, "to measure each part for, about; three calls at least"] = 2.0
    daemon: Annotated[int, "frames through the whole daemon; 0: leave it out"] = 20
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "cpu"

    def __post_init__(self) -> None:
        for size in self.sizes:
            _sides(size)
        if self.daemon == 1:
            raise ValueError("daemon is 1: it takes two frames at least, or 0")


@dataclass(frozen=True, slots=True)
class Simple:
    """A way without a network, on the frames of one size: dB, means."""

    way: str
    size: str
    psnr_y: float
    psnr_rgb: float


@dataclass(frozen=True, slots=True)
class Found:
    """Of one preset at one size in one precision."""

    preset: str
    size: str
    precision: Fixed
    parts: Parts
    streamed: Streamed
    daemon: Whole | None


def run(options: Options) -> Report:
    """Measure every preset at every size in every precision."""
    device = choose_device(options.device)
    peaks = {
        precision: peak(
            device, precision=getattr(torch, precision), seconds=options.seconds
        )
        for precision in options.precisions
    }
    chosen: dict[str, str] = {
        preset: _chosen(preset, options.scale, device) for preset in options.presets
    }
    simple: list[Simple] = []
    found: list[Found] = []
    for size in options.sizes:
        pictures = _truths(options, size)
        simple += _without_a_network(size, pictures, options.scale)
        for each in _measured(options, size, pictures, device):
            found.append(each)
            frame, psnr = in_ms(each.streamed.frame), each.streamed.psnr_y
            say(f"{' '.join(_names(each))}: {frame} ms per frame, {psnr:.2f} dB")
    return _report(simple, found, peaks, chosen, options)


def _chosen(preset: str, scale: int, device: torch.device) -> str:
    """Return the precision that a session of a preset would be in here."""
    settings = settings_of(preset, scale=scale, precision="auto")
    return with_precision(settings, device).precision


def _sides(size: str) -> tuple[int, int]:
    """Return height and width of `WIDTHxHEIGHT`.

    Raises:
        ValueError: it is not written so.
    """
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"size is {size!r}; wanted: WIDTHxHEIGHT, such as 480x270")
    return int(height), int(width)


def _truths(options: Options, size: str) -> list[NDArray[np.uint8]]:
    height, width = (side * options.scale for side in _sides(size))
    return list(truths(height, width, count=options.frames, folder=options.data))


def _measured(
    options: Options, size: str, pictures: list[NDArray[np.uint8]], device: torch.device
) -> Iterator[Found]:
    lows = [shrunk(picture, options.scale) for picture in pictures]
    for preset in options.presets:
        for precision in options.precisions:
            settings = settings_of(preset, scale=options.scale, precision=precision)
            short = _few_steps(settings)
            parts = parts_of(short, lows[0], device=device, seconds=options.seconds)
            run = streamed(short, pictures, device=device, seconds=options.seconds)
            daemon = _daemon(settings, lows, options)
            yield Found(preset, size, precision, parts, run, daemon)


def _few_steps(settings: SessionOptions) -> SessionOptions:
    if settings.preset not in FULL_SIZE:
        return settings
    return replace(settings, adapt=replace(settings.adapt, steps=_FEW_STEPS))


def _daemon(
    settings: SessionOptions, lows: Sequence[NDArray[np.uint8]], options: Options
) -> Whole | None:
    # A frame of a preset of full size takes many minutes.
    if not options.daemon or settings.preset in FULL_SIZE:
        return None
    with tempfile.TemporaryDirectory() as folder:
        return through_the_daemon(
            settings,
            lows,
            count=options.daemon,
            device=options.device,
            place=Path(folder) / "bench",
        )


def _without_a_network(
    size: str, pictures: list[NDArray[np.uint8]], scale: int
) -> Iterator[Simple]:
    for way, enlarge in WITHOUT_A_NETWORK.items():
        results = [(truth, enlarge(shrunk(truth, scale), scale)) for truth in pictures]
        grey = fmean(psnr_y(*pair, border=scale) for pair in results)
        yield Simple(way, size, grey, fmean(psnr_rgb(*pair) for pair in results))


def _report(
    simple: list[Simple],
    found: list[Found],
    peaks: dict[Fixed, float],
    chosen: dict[str, str],
    options: Options,
) -> Report:
    figures: dict[str, Any] = {
        "chosen": chosen,
        "peak_gflop_per_second": {name: most / 1e9 for name, most in peaks.items()},
        "without_a_network": [asdict(each) for each in simple],
        "each": [asdict(each) for each in found],
    }
    tables = (
        _table_of_times(found),
        _table_of_shares(found, peaks),
        _table_of_quality(simple, found),
        *([_table_of_daemons(found)] if options.daemon else []),
    )
    choice = ", ".join(f"{preset}: {precision}" for preset, precision in chosen.items())
    notes = (f"The self-test chooses for {choice}.",)
    asked = (GOAL_PRESET, GOAL_SIZE, chosen.get(GOAL_PRESET))
    held = [each for each in found if _names(each) == asked]
    if not held or options.scale != GOAL_SCALE:
        return Report(figures, tables, notes)
    return judged(
        f"Goals: {' '.join(_names(held[0]))}", _goals(held[0]), figures, tables, notes
    )


def _table_of_times(found: list[Found]) -> Table:
    return Table(
        "Milliseconds: median, and in brackets what 95 of 100 do not exceed",
        (
            *("preset", "size", "precision", "forward RGB", "forward luma", "enlarge"),
            *("pairs", "loss", "step", "frame", "steps", "fps"),
        ),
        tuple(
            (
                *_names(each),
                *(
                    "" if timing is None else in_ms(timing)
                    for timing in (
                        each.parts.forward,
                        each.parts.forward_luma,
                        each.parts.enlarge,
                        each.parts.pairs,
                        each.parts.loss,
                        each.parts.step,
                        each.streamed.frame,
                    )
                ),
                each.streamed.steps,
                1.0 / each.streamed.frame.median,
            )
            for each in found
        ),
        digits=1,
    )


def _table_of_shares(found: list[Found], peaks: dict[Fixed, float]) -> Table:
    told = ", ".join(f"{name} {most / 1e9:.0f}" for name, most in peaks.items())
    return Table(
        f"Operations; the peak of a matrix product in GFLOP/s: {told}; forward on luma, "
        "where the network is one of luma",
        (
            *("preset", "size", "precision"),
            *("forward GFLOP", "GFLOP/s", "of peak"),
            *("step GFLOP", "GFLOP/s", "of peak"),
        ),
        tuple(
            (
                *_names(each),
                *_share(each.parts.forward_gflop, each.parts.forward_alone, each, peaks),
                *_share(each.parts.step_gflop, each.parts.step, each, peaks),
            )
            for each in found
        ),
    )


def _share(
    gflop: float, timing: Timing, found: Found, peaks: dict[Fixed, float]
) -> tuple[float, float, str]:
    reached = gflop / timing.median
    return gflop, reached, f"{1e11 * reached / peaks[found.precision]:.0f} %"


def _table_of_quality(simple: list[Simple], found: list[Found]) -> Table:
    base = {each.size: each.psnr_y for each in simple if each.way == "bicubic"}
    rows = [(each.way, each.size, "", each.psnr_y, each.psnr_rgb) for each in simple]
    rows += [
        (*_names(each), each.streamed.psnr_y, each.streamed.psnr_rgb) for each in found
    ]
    # Stable: within a size the ways without a network come first.
    rows.sort(key=lambda row: list(base).index(row[1]))
    return Table(
        "Quality of the same frames",
        ("preset", "size", "precision", "Y dB", "over bicubic", "RGB8 dB"),
        tuple(
            (way, size, precision, grey, grey - base[size], colour)
            for way, size, precision, grey, colour in rows
        ),
    )


def _table_of_daemons(found: list[Found]) -> Table:
    return Table(
        "The whole daemon, PNG files to PNG files",
        ("preset", "size", "precision", "fps", "ms between frames", "most MB"),
        tuple(
            (
                *_names(each),
                each.daemon.fps,
                in_ms(each.daemon.between),
                each.daemon.most_mb,
            )
            for each in found
            if each.daemon is not None
        ),
        digits=1,
    )


def _goals(found: Found) -> list[Goal]:
    parts = found.parts
    forward = "ms forward" if parts.forward_luma is None else "ms forward, plane of luma"
    goals = [
        Goal(what, 1e3 * timing.median, at_most=most)
        for what, timing, most in (
            (forward, parts.forward_alone, FORWARD_MS),
            ("ms of one step, pairs included", parts.step, STEP_MS),
            ("ms for the pairs of a frame", parts.pairs, PAIRS_MS),
        )
    ]
    if found.daemon is not None:
        goals.append(Goal("MB of the daemon", found.daemon.most_mb, at_most=DAEMON_MB))
    return goals


def _names(found: Found) -> tuple[str, str, str]:
    return found.preset, found.size, found.precision
