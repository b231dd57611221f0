"""The comparison of paper 1 (its Table 2) at a size that a CPU can do.

Pictures of General-100 in natural order, odd sizes cropped to even, are shrunk by K and go
through one session per row. `per-frame` starts every picture from the initial weights;
`online` carries the weights on. The paper says: the DoG loss beats MSE, carried beats not
carried. The rows:

  bicubic                  what an untrained network gives
  zssr per-frame           ZSSR: MSE, one pair a step
  zssr-star ... text       ZSSR*, OSR: the DoG loss as the paper's text has it
  zssr-star ... finest     the same, its first band X - GX included
  zssr-star ... code       the same with the DoG loss of the published code
  light ...                the default preset, with the steps it has

The judge only observes in the rows of the paper, which has none. No post-processing.

A last table says why the losses differ: how much of bicubic's squared error lies in the
bands that each of them looks at. What a loss does not see, it cannot teach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated

import torch

from bench.pictures import Original, data_set, enlarged, shrunk
from bench.report import Report, Table, say
from bench.scoring import Mean, Score, mean, score, scored
from srstream.engine import PRESETS, Session, SessionOptions, choose_device
from srstream.engine.losses import DogOptions, LossContext, MseOptions
from srstream.engine.losses.dog import Dog
from srstream.engine.nets import ZssrOptions, ZssrStarOptions
from srstream.engine.options import Mode

BICUBIC = "bicubic"
ZSSR = "zssr per-frame, mse, batch 1"
PAIRS = {
    "text": ("zssr-star online, dog text", "zssr-star per-frame, dog text"),
    "finest": ("zssr-star online, dog finest", "zssr-star per-frame, dog finest"),
    "code": ("zssr-star online, dog code", "zssr-star per-frame, dog code"),
    "light": ("light online", "light per-frame"),
}
"""Carried and not carried, by what they share."""
LOSSES = {
    "text": PRESETS["paper"].loss,
    "finest": replace(PRESETS["paper"].loss, first_band=0),
    "code": PRESETS["paper-code"].loss,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path, "folder that holds general100/"]
    pictures: Annotated[int, "how many, from the first"] = 10
    scale: Annotated[int, "2, 3 or 4"] = 2
    width: Annotated[int, "feature maps of zssr and zssr-star (the paper: 128)"] = 32
    crop: Annotated[int, "side of the training crops (the paper: 128)"] = 64
    steps: Annotated[int, "steps per picture (the paper: 750)"] = 150
    milestones: Annotated[
        tuple[int, ...], "steps after which the rate is divided by 10 (the paper's)"
    ] = (250, 500)
    seed: Annotated[int, "of everything random"] = 0
    device: Annotated[str, "cpu, cuda or cuda:N"] = "cpu"


def run(options: Options) -> Report:
    """Run the rows one after the other over the same pictures."""
    scale = options.scale
    originals = data_set(options.data / "general100", scale=scale, most=options.pictures)
    scores = {BICUBIC: [_bicubic(original, scale) for original in originals]}
    device = choose_device(options.device)
    for row, settings in _rows(options).items():
        session = Session(settings, device=device)
        scores[row] = []
        for found in scored(originals, session, scale=scale):
            scores[row].append(found)
            say(
                f"{row}: {found.name} {found.psnr_y:.2f} dB in {found.ms / 1e3:.1f} s "
                f"({len(scores[row])} of {len(originals)})"
            )
    seen = {
        loss: fmean(_seen(original, dog, scale) for original in originals)
        for loss, dog in LOSSES.items()
        if isinstance(dog, DogOptions)
    }
    return _report(scores, seen)


def _rows(options: Options) -> dict[str, SessionOptions]:
    paper = PRESETS["paper"]
    star = replace(
        paper,
        scale=options.scale,
        seed=options.seed,
        net=ZssrStarOptions(width=options.width),
        adapt=replace(
            paper.adapt,
            steps=options.steps,
            crop=options.crop,
            milestones=options.milestones,
            judge="observe",
        ),
    )
    zssr = replace(
        star,
        net=ZssrOptions(width=options.width),
        loss=MseOptions(),
        adapt=replace(star.adapt, batch=1, mode="per-frame"),
    )
    light = replace(PRESETS["light"], scale=options.scale, seed=options.seed)
    rows = {ZSSR: zssr}
    for shared, (online, per_frame) in PAIRS.items():
        whole = replace(star, loss=LOSSES[shared]) if shared in LOSSES else light
        rows[per_frame] = _in_mode(whole, "per-frame")
        rows[online] = _in_mode(whole, "online")
    return rows


def _in_mode(settings: SessionOptions, mode: Mode) -> SessionOptions:
    return replace(settings, adapt=replace(settings.adapt, mode=mode))


def _bicubic(original: Original, scale: int) -> Score:
    low = shrunk(original.pixels, scale)
    return score(original, enlarged(low, scale), scale=scale, ms=0.0)


def _seen(original: Original, loss: DogOptions, scale: int) -> float:
    """Return the share of bicubic's squared error in the bands of a loss."""
    bands = Dog(
        replace(loss, norm="mse", weight=1.0, low_weight=0.0),
        LossContext(torch.device("cpu")),
    )
    base = enlarged(shrunk(original.pixels, scale), scale)
    error = torch.tensor(base).float() - torch.tensor(original.pixels).float()
    planes = error.permute(2, 0, 1)[None] / 255.0
    return float(bands(planes) / planes.square().mean())


def _report(scores: Mapping[str, list[Score]], seen: Mapping[str, float]) -> Report:
    means = {row: mean(found) for row, found in scores.items()}
    gains = {
        shared: [
            online.psnr_y - per_frame.psnr_y
            for online, per_frame in zip(
                scores[PAIRS[shared][0]], scores[PAIRS[shared][1]], strict=True
            )
        ]
        for shared in PAIRS
    }
    figures = {
        "mean": {row: asdict(found) for row, found in means.items()},
        "online_minus_per_frame_psnr_y": gains,
        "share_of_bicubic_error_in_the_bands": dict(seen),
        "each": {row: [asdict(each) for each in found] for row, found in scores.items()},
    }
    tables = (
        _table_of_means(means),
        _table_of_pictures(scores),
        _table_of_gains(gains),
        _table_of_losses(seen),
    )
    return Report(figures, tables, _verdicts(means))


def _table_of_means(means: Mapping[str, Mean]) -> Table:
    base = means[BICUBIC].psnr_y
    return Table(
        "Means over the pictures",
        ("row", "Y dB", "over bicubic", "RGB8 dB", "SSIM Y", "ms"),
        tuple(
            (row, m.psnr_y, m.psnr_y - base, m.psnr_rgb, f"{m.ssim_y:.4f}", f"{m.ms:.0f}")
            for row, m in means.items()
        ),
    )


def _table_of_pictures(scores: Mapping[str, list[Score]]) -> Table:
    names = [each.name for each in scores[BICUBIC]]
    return Table(
        "Y-PSNR of each picture in dB",
        ("row", *(name.removeprefix("im_") for name in names)),
        tuple((row, *(each.psnr_y for each in found)) for row, found in scores.items()),
    )


def _table_of_gains(gains: Mapping[str, list[float]]) -> Table:
    """The first picture is left out of the mean: nothing was carried to it."""
    return Table(
        "Carried minus not carried, Y dB",
        ("loss or preset", "first picture", "mean of the others", "least", "most"),
        tuple(
            (shared, gain[0], sum(rest) / len(rest), min(rest), max(rest))
            for shared, gain in gains.items()
            if (rest := gain[1:])
        ),
    )


def _table_of_losses(seen: Mapping[str, float]) -> Table:
    return Table(
        "Share of bicubic's squared error that lies in the bands of the DoG loss",
        ("loss", "share"),
        tuple((loss, f"{100 * share:.2f} %") for loss, share in seen.items()),
    )


def _verdicts(means: Mapping[str, Mean]) -> tuple[str, ...]:
    ordered = [
        (means[online].psnr_y - means[per_frame].psnr_y, f"{online} over {per_frame}")
        for online, per_frame in PAIRS.values()
    ]
    ordered.append(
        (
            means[PAIRS["text"][1]].psnr_y - means[ZSSR].psnr_y,
            f"{PAIRS['text'][1]} over {ZSSR}",
        )
    )
    return tuple(f"{gain:+z.2f} dB: {what}." for gain, what in ordered)
