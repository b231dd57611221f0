"""The presets of full size against the published figures (paper 1, Table 2). For a GPU.

The first 30 pictures of General-100, odd sizes cropped, go through one session per row in
their order. The published program resized odd pictures, so only the even-sized ones are
scored: RGB8 PSNR, nothing left out. Published on those 13: ZSSR 37.19, ZSSR* 37.34,
OSR 38.01 dB, all with a post-processing that the paper does not mention (eight symmetries,
their median, 90 back-projections); so every row is measured with and without it, on the
same weights.

  zssr          ZSSR: zssr, MSE, one pair a step, from the initial weights on every picture
  zssr-star     ZSSR*: the preset, from the initial weights on every picture
  osr           OSR: the preset, weights carried

A full row of preset paper is 22 500 steps: minutes on a large GPU, a week on two cores.
Needs nothing but torch, numpy, Pillow and scikit-image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from bench.pictures import Original, as_frame, data_set, enlarged, shrunk
from bench.report import Report, Table, say
from bench.scoring import Score, mean, score
from srstream.engine import PRESETS, Session, SessionOptions, choose_device
from srstream.engine.losses import MseOptions
from srstream.engine.nets import ZssrOptions

SCALE = 2
PICTURES = 30
PUBLISHED = {"bicubic": 34.14, "zssr": 37.19, "zssr-star": 37.34, "osr": 38.01}
"""RGB8 dB on the 13 even-sized pictures, measured again on the published outputs; bicubic
without post-processing, the others with it."""
Untrained: TypeAlias = Literal["light", "paper", "paper-code"]
Row: TypeAlias = Literal["zssr", "zssr-star", "osr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path, "folder that holds general100/"]
    preset: Annotated[Untrained, "whose net and loss"] = "paper"
    rows: Annotated[tuple[Row, ...], "which rows"] = ("zssr", "zssr-star", "osr")
    pictures: Annotated[int, "stream only the first ones"] = PICTURES
    steps: Annotated[int | None, "steps per picture, instead of the preset's"] = None
    seed: Annotated[int, "of everything random"] = 0
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "auto"


def run(options: Options) -> Report:
    """Stream the pictures once per row; score the even-sized ones."""
    originals = data_set(options.data / "general100", scale=SCALE, most=options.pictures)
    scored = [original for original in originals if not original.was_cropped]
    if not scored:
        raise ValueError("none of these pictures has even sides; stream more of them")
    say(f"scored: {', '.join(str(original.number) for original in scored)}")
    found: dict[str, _Found] = {
        row: _Row(_settings(row, options), options.device).run(row, originals)
        for row in options.rows
    }
    return _report(found, scored)


def _settings(row: str, options: Options) -> SessionOptions:
    preset = replace(PRESETS[options.preset], seed=options.seed, scale=SCALE)
    preset = replace(preset, upscale=PRESETS["paper"].upscale)
    if options.steps is not None:
        preset = replace(preset, adapt=replace(preset.adapt, steps=options.steps))
    if row == "osr":
        return replace(preset, adapt=replace(preset.adapt, mode="online"))
    preset = replace(preset, adapt=replace(preset.adapt, mode="per-frame"))
    if row == "zssr-star":
        return preset
    return replace(
        preset,
        net=ZssrOptions(width=preset.net.width, depth=preset.net.depth),
        loss=MseOptions(),
        adapt=replace(preset.adapt, batch=1),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """The scores of one row, in the order of the even-sized pictures."""

    plain: list[Score]
    processed: list[Score]


class _Row:
    """One session that adapts, and one that enlarges again with the same weights."""

    def __init__(self, settings: SessionOptions, device: str) -> None:
        self._session = Session(settings, device=choose_device(device))
        self._processing = Session(
            replace(
                settings,
                adapt=replace(settings.adapt, mode="frozen"),
                upscale=PRESETS["paper-code"].upscale,
            ),
            device=choose_device(device),
        )

    def run(self, row: str, originals: list[Original]) -> _Found:
        found = _Found([], [])
        for original in originals:
            low = shrunk(original.pixels, SCALE)
            frame = as_frame(low, seq=original.number, name=original.name)
            result = self._session.step(frame)
            ms = result.stats.adapt_ms + result.stats.upscale_ms
            told = f"{row}: {original.number} of {len(originals)} in {ms / 1e3:.1f} s"
            if not original.was_cropped:
                self._processing.load(self._session.dump())
                again = self._processing.step(frame)
                ms_again = result.stats.adapt_ms + again.stats.upscale_ms
                found.plain.append(_score(original, result.pixels, ms))
                found.processed.append(_score(original, again.pixels, ms_again))
                told += (
                    f"; RGB8 {found.plain[-1].psnr_rgb:.2f} dB, mean so far "
                    f"{mean(found.plain).psnr_rgb:.2f}, "
                    f"post-processed {mean(found.processed).psnr_rgb:.2f}"
                )
            say(told)
        return found


def _score(original: Original, pixels: np.ndarray[Any, Any], ms: float) -> Score:
    # 8 bits in, 8 bits out.
    return score(original, pixels.astype(np.uint8, copy=False), scale=SCALE, ms=ms)


def _report(found: Mapping[str, _Found], scored: list[Original]) -> Report:
    bicubic = mean(
        _score(original, enlarged(shrunk(original.pixels, SCALE), SCALE), 0.0)
        for original in scored
    )
    rows = [("bicubic", bicubic.psnr_rgb, None, PUBLISHED["bicubic"], 0.0)]
    figures: dict[str, Any] = {
        "scored": [original.number for original in scored],
        "published_psnr_rgb": PUBLISHED,
        "bicubic": asdict(bicubic),
    }
    table_rows: list[tuple[str | float | None, ...]] = [*rows]
    for row, scores in found.items():
        plain, processed = mean(scores.plain), mean(scores.processed)
        table_rows.append(
            (row, plain.psnr_rgb, processed.psnr_rgb, PUBLISHED[row], plain.ms / 1e3)
        )
        figures[row] = {
            "plain": asdict(plain),
            "processed": asdict(processed),
            "each_plain": [asdict(each) for each in scores.plain],
            "each_processed": [asdict(each) for each in scores.processed],
        }
    table = Table(
        f"RGB8 PSNR in dB, mean over pictures {', '.join(map(str, figures['scored']))}",
        ("row", "plain", "post-processed", "published", "s per picture"),
        tuple(table_rows),
    )
    return Report(figures, (table,), _verdicts(found))


def _verdicts(found: Mapping[str, _Found]) -> tuple[str, ...]:
    if not {"osr", "zssr-star"} <= found.keys():
        return ()
    gain = mean(found["osr"].plain).psnr_rgb - mean(found["zssr-star"].plain).psnr_rgb
    published = PUBLISHED["osr"] - PUBLISHED["zssr-star"]
    return (
        f"{gain:+z.2f} dB by carrying, plain (published, processed: {published:+.2f} dB).",
    )
