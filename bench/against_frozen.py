"""Sessions beside one with frozen weights, frame by frame in turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from bench.clips import Clip
from bench.flicker import error_of, flicker
from bench.gains import MOST_DB, FrameGain
from bench.pictures import as_frame
from bench.sessions import session_of
from srstream.engine import Session, SessionOptions
from srstream.evaluation.metrics import psnr_y
from srstream.frames import AdaptStats


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """A frame of one session, held against the truth."""

    pixels: NDArray[np.uint8]
    stats: AdaptStats
    psnr: float
    error: NDArray[np.int16]
    flicker: float | None


def frozen(settings: SessionOptions) -> SessionOptions:
    """Return the same without adaptation."""
    return replace(settings, adapt=replace(settings.adapt, mode="frozen"))


def side_by_side(
    clip: Clip,
    lows: Sequence[NDArray[np.uint8]],
    variants: Mapping[str, SessionOptions],
    device: torch.device,
) -> Iterator[dict[str, FrameGain]]:
    """Yield what each variant gains on the frames of a clip, one after the other.

    Args:
        clip: the truth.
        lows: the same frames made small.
        variants: settings that differ in the adaptation only, by a name: the frozen
            weights are those of the first.
        device: to compute on.
    """
    stay = _Stream(session_of(frozen(next(iter(variants.values()))), device))
    streams = {
        name: _Stream(session_of(settings, device)) for name, settings in variants.items()
    }
    cut: int | None = None
    for number, (truth, low) in enumerate(zip(clip.frames, lows, strict=True)):
        cut = number if number in clip.cuts else cut
        base = stay.show(number, truth, low)
        yield {
            name: _gain(
                clip.start + number,
                None if cut is None else number - cut,
                base,
                stream.show(number, truth, low, like=base),
            )
            for name, stream in streams.items()
        }


class _Stream:
    """One session, and the frame that it showed last."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: _Shown | None = None

    def show(
        self,
        number: int,
        truth: NDArray[np.uint8],
        low: NDArray[np.uint8],
        *,
        like: _Shown | None = None,
    ) -> _Shown:
        """Enlarge a frame; what it has in common with `like` is not measured again."""
        result = self._session.step(as_frame(low, seq=number + 1, name=str(number)))
        pixels = result.pixels.astype(np.uint8, copy=False)  # 8 bits in, 8 bits out
        if like is not None and np.array_equal(like.pixels, pixels):
            psnr, error = like.psnr, like.error
        else:
            border = result.stats.scale
            psnr = min(psnr_y(truth, pixels, border=border), MOST_DB)
            error = error_of(truth, pixels)
        changed = None if self._last is None else flicker(self._last.error, error)
        self._last = _Shown(pixels, result.stats, psnr, error, changed)
        return self._last


def _gain(number: int, since_cut: int | None, base: _Shown, shown: _Shown) -> FrameGain:
    stats = shown.stats
    return FrameGain(
        number=number,
        since_cut=since_cut,
        psnr_frozen=base.psnr,
        psnr=shown.psnr,
        estimated_gain=stats.heldout_gain,
        used=stats.used,
        is_as_frozen=shown.error is base.error,
        stats=stats,
        flicker_frozen=base.flicker,
        flicker=shown.flicker,
    )
