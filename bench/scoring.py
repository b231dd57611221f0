"""Streams of originals: shrunk, run through a session, held against themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.pictures import Original, shrunk
from bench.sessions import enlarged_in
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
    """Of adapting and enlarging, from pixels to pixels."""


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


def scored(
    originals: Sequence[Original], session: Session, *, scale: int
) -> Iterator[Score]:
    """Run originals through a session in their order."""
    lows = (shrunk(original.pixels, scale) for original in originals)
    results = enlarged_in(session, lows)
    for original, (pixels, seconds) in zip(originals, results, strict=True):
        yield score(original, pixels, scale=scale, ms=1e3 * seconds)


def mean(scores: Iterable[Score]) -> Mean:
    """Return the means; of nothing, an error."""
    found = list(scores)
    return Mean(
        fmean(each.psnr_y for each in found),
        fmean(each.psnr_rgb for each in found),
        fmean(each.ssim_y for each in found),
        fmean(each.ms for each in found),
    )
