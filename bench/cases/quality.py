"""How good the presets with trained weights are on stills, and how long a picture takes.

Set5 and Set14 at x2, x3 and x4, and at x2 the 13 even-sized pictures among the first 30 of
General-100, for which published outputs were measured again. The pictures of a set have
nothing in common, so that each starts from the trained weights.

  frozen     the trained network, as it is
  adapted    steps on pairs from the picture itself, before it is enlarged
  ensemble   frozen; the mean over the eight symmetries, and one back-projection
  all        adapted, then enlarged as `ensemble`

Seconds are those of adapting and enlarging; other programs that run make them longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from bench.arguments import Fixed, Preset
from bench.goals import Goal, judged
from bench.pictures import Original, data_set, enlarged, enlarged_consistently, shrunk
from bench.report import Report, Table, say
from bench.scoring import Score, mean, score, stream
from bench.sessions import session_of, settings_of
from srstream.engine import SessionOptions, UpscaleOptions, choose_device

SETS = ("set5", "set14")
GENERAL, GENERAL_SCALE, GENERAL_STREAMED = "general100", 2, 30
Mode: TypeAlias = Literal["frozen", "adapted", "ensemble", "all"]
Simple: TypeAlias = Literal["bicubic", "consistent bicubic"]

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
    rate: Annotated[float | None, "Adam's, instead of the preset's"] = None
    precision: Annotated[Fixed, "of the convolutions"] = "float32"
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "cpu"


@dataclass(frozen=True, slots=True)
class Row:
    """One way to enlarge, on one set at one scale."""

    preset: str
    """Or the name of a way without a network."""
    mode: str
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
    for scale in options.scales:
        for name, originals in _sets(options.data, scale):
            rows += _without_network(name, originals, scale)
            for preset in options.presets:
                for mode in options.modes:
                    rows.append(_row(preset, mode, name, originals, scale, options))
                    say(
                        f"x{scale} {name} {preset} {mode}: Y {rows[-1].psnr_y:.2f}, "
                        f"RGB8 {rows[-1].psnr_rgb:.2f} dB in {rows[-1].seconds:.2f} s"
                    )
    return _report(rows)


def settings_in(mode: Mode, preset: str, scale: int, options: Options) -> SessionOptions:
    """Return the settings of a session for stills."""
    settings = settings_of(preset, scale=scale, precision=options.precision)
    adapt = replace(settings.adapt, mode="frozen")
    if mode in ("adapted", "all"):
        rate = settings.adapt.rate if options.rate is None else options.rate
        adapt = replace(
            settings.adapt, mode="per-frame", steps=options.steps, rate=rate, seconds=None
        )
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


def _without_network(name: str, originals: list[Original], scale: int) -> Iterator[Row]:
    ways = {"bicubic": enlarged, "consistent bicubic": enlarged_consistently}
    for way, enlarge in ways.items():
        scores = [
            score(each, enlarge(shrunk(each.pixels, scale), scale), scale=scale, ms=0.0)
            for each in originals
        ]
        yield _row_of(way, "", name, scale, scores)


def _row(
    preset: str,
    mode: Mode,
    name: str,
    originals: list[Original],
    scale: int,
    options: Options,
) -> Row:
    settings = settings_in(mode, preset, scale, options)
    device = choose_device(options.device)
    # The first picture in a process pays for what is made once.
    for _ in stream(originals[:1], session_of(settings, device), scale=scale):
        pass
    scores = list(stream(originals, session_of(settings, device), scale=scale))
    return _row_of(preset, mode, name, scale, scores)


def _row_of(preset: str, mode: str, name: str, scale: int, scores: list[Score]) -> Row:
    found = mean(scores)
    return Row(
        preset,
        mode,
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
            *("scale", "set", "preset", "mode"),
            *("Y dB", "RGB8 dB", "SSIM Y", "s per picture", "s at most"),
        ),
        tuple(
            (
                f"x{row.scale}",
                row.set,
                row.preset,
                row.mode,
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
    if in_time:
        best = max(in_time, key=lambda row: row.psnr_rgb)
        what = f"RGB8 dB of {best.preset}, {best.mode}, on {GENERAL} x{GENERAL_SCALE}"
        yield Goal(what, best.psnr_rgb, at_least=GENERAL_DB)
    elif general:
        least = min(row.most_seconds for row in general)
        yield Goal(f"seconds for a picture of {GENERAL}", least, at_most=GENERAL_SECONDS)
