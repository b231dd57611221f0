"""Streams of originals: shrunk, run through a session, held against themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.pictures import Original, as_frame, shrunk
from srstream.engine import Session
from srstream.evaluation.metrics import psnr_rgb, psnr_y, ssim_y


@dataclass(frozen=True, slots=True)
class Score:
    """One enlargement against its original."""

    name: str
    psnr_y: float
    """dB of the BT.601 luma at 8 bits, a border of `scale` left out."""
    psnr_rgb: float
    """dB of RGB at 8 bits, nothing left out."""
    ssim_y: float
    ms: float
    """Adapting and enlarging together."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The means over several pictures."""

    psnr_y: float
    psnr_rgb: float
    ssim_y: float
    ms: float


def score(original: Original, result: NDArray[np.uint8], *, scale: int, ms: float) -> Score:
    """Hold one result [H, W, C] against its original.

    Raises:
        ValueError: they are equal, so that there is no PSNR.
    """
    found = Score(
        original.name,
        psnr_y(original.pixels, result, border=scale),
        psnr_rgb(original.pixels, result),
        ssim_y(original.pixels, result, border=scale),
        ms,
    )
    if not (math.isfinite(found.psnr_y) and math.isfinite(found.psnr_rgb)):
        raise ValueError(f"{original.name} came out without any error")
    return found


def stream(
    originals: Iterable[Original], session: Session, *, scale: int
) -> Iterator[Score]:
    """Run originals through a session in their order."""
    for original in originals:
        low = shrunk(original.pixels, scale)
        result = session.step(as_frame(low, seq=original.number, name=original.name))
        ms = result.stats.adapt_ms + result.stats.upscale_ms
        # 8 bits in, 8 bits out.
        yield score(
            original, result.pixels.astype(np.uint8, copy=False), scale=scale, ms=ms
        )


def mean(scores: Iterable[Score]) -> Mean:
    """Return the means; of nothing, an error."""
    found = list(scores)
    return Mean(
        fmean(each.psnr_y for each in found),
        fmean(each.psnr_rgb for each in found),
        fmean(each.ssim_y for each in found),
        fmean(each.ms for each in found),
    )
