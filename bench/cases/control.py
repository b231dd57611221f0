"""Bicubic down and up on the data sets: is the measuring itself right?

Every later figure stands on K, U, the rounding and the Y-PSNR used here. Published bicubic
x2 on Set5 is 33.66 dB; 33.6 to 33.7 dB is right, anything else is a bug in the measuring.
U is computed twice, by the engine and by Pillow, which `srstream upscale --reference` uses
for its base line: they must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated

from bench.pictures import Original, data_set, enlarged, shrunk
from bench.report import Report, Table
from srstream.evaluation.metrics import bicubic, psnr_y

SETS = ("set5", "set14", "general100")
NEEDED = "set5"
RIGHT = (33.6, 33.7)
"""dB of bicubic x2 on Set5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path, "folder of the data sets: set5, and set14, general100 if there"]
    scale: Annotated[int, "2, 3 or 4"] = 2


def run(options: Options) -> Report:
    """Measure every set that is there."""
    figures = {}
    rows = []
    for name in SETS:
        folder = options.data / name
        if name != NEEDED and not folder.is_dir():
            continue
        originals = data_set(folder, scale=options.scale)
        scores = {each.name: _score(each, options.scale) for each in originals}
        engine, pillow = (fmean(pair[i] for pair in scores.values()) for i in range(2))
        rows.append((name, len(scores), engine, pillow))
        figures[name] = {
            "pictures": len(scores),
            "psnr_y_engine": engine,
            "psnr_y_pillow": pillow,
            "each": {picture: list(pair) for picture, pair in scores.items()},
        }
    table = Table(
        f"Bicubic x{options.scale}, Y-PSNR in dB",
        ("set", "pictures", "U of the engine", "U of Pillow"),
        tuple(rows),
        digits=3,
    )
    return Report(figures, (table,), _verdict(figures[NEEDED], options.scale))


def _score(original: Original, scale: int) -> tuple[float, float]:
    low = shrunk(original.pixels, scale)
    return (
        psnr_y(original.pixels, enlarged(low, scale), border=scale),
        psnr_y(original.pixels, bicubic(low, scale), border=scale),
    )


def _verdict(found: dict[str, object], scale: int) -> tuple[str, ...]:
    if scale != 2:
        return ()
    low, high = RIGHT
    values = (found["psnr_y_engine"], found["psnr_y_pillow"])
    is_right = all(isinstance(value, float) and low <= value <= high for value in values)
    word = "as it must" if is_right else "WRONG"
    return (f"Set5 must lie between {low} and {high} dB: {word}.",)
