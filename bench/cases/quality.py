"""How good the presets with trained weights are on stills, and how long a picture takes.

Set5 and Set14 at x2, x3 and x4, and at x2 the 13 even-sized pictures among the first 30 of
General-100, for which published outputs were measured again. The pictures of a set have
nothing in common, so that each starts from the trained weights.

  frozen     the trained network, as it is
  adapted    steps on pairs from the picture itself, before it is enlarged
  ensemble   frozen; the mean over the eight symmetries, and one back-projection
  all        adapted, then enlarged as `ensemble`

Precision is what the self-test chooses, as for users and for the times of `frames`. Seconds
are those of adapting and enlarging; other programs that run make them longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch

from bench.arguments import Preset
from bench.goals import Goal, judged
from bench.pictures import WITHOUT_A_NETWORK, Original, data_set, shrunk
from bench.report import Report, Table, say
from bench.scoring import Score, mean, score, scored
from bench.sessions import session_of, settings_of, with_precision
from srstream.engine import SessionOptions, UpscaleOptions, choose_device
from srstream.engine.options import Precision

SETS = ("set5", "set14")
GENERAL, GENERAL_SCALE, GENERAL_STREAMED = "general100", 2, 30
Mode: TypeAlias = Literal["frozen", "adapted", "ensemble", "all"]

Y_GOALS: dict[tuple[str, Mode, str, int], float] = {
    ("realtime", "frozen", "set5", 2): 37.55,
    ("realtime", "frozen", "set14", 2): 33.05,
    ("realtime", "frozen", "set5", 3): 33.5,
    ("realtime", "frozen", "set5", 4): 31.2,
    ("balanced", "all", "set5", 2): 37.80,
    ("balanced", "all", "set14", 2): 33.30,
}
"""dB of the luma, by preset, mode, set and scale."""
GENERAL_DB, GENERAL_SECONDS = 38.7, 1.0
"""RGB8 on General-100, of any preset and mode that takes no longer for any picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path, "folder of the data sets set5, set14 and general100"]
    presets: Annotated[tuple[Preset, ...], "which"] = ("realtime", "balanced")
    modes: Annotated[tuple[Mode, ...], "which"] = ("frozen", "adapted", "ensemble", "all")
    scales: Annotated[tuple[int, ...], "2, 3 or 4"] = (2, 3, 4)
    steps: Annotated[int, "per picture, where it is adapted to"] = 50
    precision: Annotated[Precision, "of the convolutions; auto: by the self-test"] = "auto"
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "cpu"


@dataclass(frozen=True, slots=True)
class Row:
    """One way to enlarge, on one set at one scale."""

    preset: str
    """Or the name of a way without a network."""
    mode: str
    precision: str
    set: str
    scale: int
    psnr_y: float
    psnr_rgb: float
    ssim_y: float
    seconds: float
    """Per picture, mean."""
    most_seconds: float
    """Of the slowest picture."""
    each: list[Score]


def run(options: Options) -> Report:
    """Stream every set once per preset and mode."""
    rows: list[Row] = []
    device = choose_device(options.device)
    for scale in options.scales:
        presets = {
            name: _settings(name, scale, device, options) for name in options.presets
        }
        for name, originals in _sets(options.data, scale):
            rows += _without_a_network(name, originals, scale)
            for preset, settings in presets.items():
                for mode in options.modes:
                    for_stills = in_mode(mode, settings, steps=options.steps)
                    scores = _scores(for_stills, originals, device)
                    precision = settings.precision
                    rows.append(_row(preset, mode, precision, name, scale, scores))
                    say(
                        f"x{scale} {name} {preset} {mode}: Y {rows[-1].psnr_y:.2f}, "
                        f"RGB8 {rows[-1].psnr_rgb:.2f} dB in {rows[-1].seconds:.2f} s"
                    )
    return _report(rows)


def _settings(
    preset: str, scale: int, device: torch.device, options: Options
) -> SessionOptions:
    settings = settings_of(preset, scale=scale, precision=options.precision)
    return with_precision(settings, device)


def in_mode(mode: Mode, settings: SessionOptions, *, steps: int) -> SessionOptions:
    """Return the settings of a session for stills."""
    adapt = replace(settings.adapt, mode="frozen")
    if mode in ("adapted", "all"):
        adapt = replace(settings.adapt, mode="per-frame", steps=steps, seconds=None)
    upscale = UpscaleOptions()
    if mode in ("ensemble", "all"):
        upscale = UpscaleOptions(ensemble=True, back_projection=1)
    return replace(settings, adapt=adapt, upscale=upscale)


def _sets(data: Path, scale: int) -> Iterator[tuple[str, list[Original]]]:
    for name in SETS:
        yield name, data_set(data / name, scale=scale)
    if scale == GENERAL_SCALE:
        # Published outputs of odd-sized pictures are of resized ones: no comparison.
        first = data_set(data / GENERAL, scale=scale, most=GENERAL_STREAMED)
        yield GENERAL, [original for original in first if not original.was_cropped]


def _without_a_network(name: str, originals: list[Original], scale: int) -> Iterator[Row]:
    for way, enlarge in WITHOUT_A_NETWORK.items():
        scores = [
            score(each, enlarge(shrunk(each.pixels, scale), scale), scale=scale, ms=0.0)
            for each in originals
        ]
        yield _row(way, "", "", name, scale, scores)


def _scores(
    settings: SessionOptions, originals: list[Original], device: torch.device
) -> list[Score]:
    scale = settings.scale
    # The first picture in a process pays for what is made once.
    for _ in scored(originals[:1], session_of(settings, device), scale=scale):
        pass
    return list(scored(originals, session_of(settings, device), scale=scale))


def _row(
    preset: str, mode: str, precision: str, name: str, scale: int, scores: list[Score]
) -> Row:
    found = mean(scores)
    return Row(
        preset,
        mode,
        precision,
        name,
        scale,
        psnr_y=found.psnr_y,
        psnr_rgb=found.psnr_rgb,
        ssim_y=found.ssim_y,
        seconds=found.ms / 1e3,
        most_seconds=max(each.ms for each in scores) / 1e3,
        each=scores,
    )


def _report(rows: list[Row]) -> Report:
    figures: dict[str, Any] = {"each": [asdict(row) for row in rows]}
    table = Table(
        "Means over the pictures",
        (
            *("scale", "set", "preset", "mode", "precision"),
            *("Y dB", "RGB8 dB", "SSIM Y", "s per picture", "slowest"),
        ),
        tuple(
            (
                f"x{row.scale}",
                row.set,
                row.preset,
                row.mode,
                row.precision,
                row.psnr_y,
                row.psnr_rgb,
                f"{row.ssim_y:.4f}",
                row.seconds,
                row.most_seconds,
            )
            for row in rows
        ),
    )
    goals = list(goals_of(rows))
    return judged("Goals", goals, figures, [table]) if goals else Report(figures, (table,))


def goals_of(rows: list[Row]) -> Iterator[Goal]:
    """Yield the goals about what was measured."""
    found = {(row.preset, row.mode, row.set, row.scale): row.psnr_y for row in rows}
    for which, wanted in Y_GOALS.items():
        if which in found:
            preset, mode, name, scale = which
            what = f"Y dB of {preset}, {mode}, on {name} x{scale}"
            yield Goal(what, found[which], at_least=wanted)
    general = [row for row in rows if row.set == GENERAL and row.mode]
    in_time = [row for row in general if row.most_seconds <= GENERAL_SECONDS]
    if general:
        best = (
            max(in_time, key=lambda row: row.psnr_rgb)
            if in_time
            else min(general, key=lambda row: row.most_seconds)
        )
        what = f"{best.preset}, {best.mode}, on {GENERAL} x{GENERAL_SCALE}"
        yield Goal(f"RGB8 dB of {what}", best.psnr_rgb, at_least=GENERAL_DB)
        yield Goal("seconds per picture, mean", best.seconds, at_most=GENERAL_SECONDS)
        yield Goal("seconds of the slowest", best.most_seconds, at_most=GENERAL_SECONDS)
