"""From the name of a preset to a session, and pictures through it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.pictures import as_frame
from bench.units import finished
from srstream.engine import PRESETS, Session, SessionOptions, compare_precisions
from srstream.engine.carried import Carried
from srstream.engine.options import Precision
from srstream.engine.weights import Weights
from srstream.models.find import find_model


def settings_of(preset: str, *, scale: int, precision: Precision) -> SessionOptions:
    """Return a preset for a scale, with the convolutions in a precision.

    Raises:
        ValueError: its model does not come for this scale.
    """
    return replace(PRESETS[preset], scale=scale, precision=precision)


def weights_of(settings: SessionOptions) -> Weights | None:
    """Return the weights that a session starts from; none: they are drawn.

    Raises:
        ValueError: there is no such model, or not for this scale.
    """
    if settings.weights is None:
        return None
    return find_model(settings.weights, settings.scale, Path()).weights


def with_precision(settings: SessionOptions, device: torch.device) -> SessionOptions:
    """Find out which precision is faster, as the daemon does, where that is left open.

    Raises what `weights_of` does.
    """
    if settings.precision != "auto":
        return settings
    weights = weights_of(settings)
    if weights is None:
        return replace(settings, precision="float32")
    found = finished(compare_precisions(settings, device, weights=weights))
    return replace(settings, precision=found.precision)


def session_of(settings: SessionOptions, device: torch.device) -> Session:
    """Make a session; raises what `weights_of` does."""
    return Session(settings, weights=weights_of(settings), device=device)


def carried_of(settings: SessionOptions, device: torch.device) -> Carried:
    """Make what a session carries, to take it apart; raises what `weights_of` does."""
    return Carried(settings, device, weights=weights_of(settings))


def enlarged_in(
    session: Session,
    lows: Iterable[NDArray[np.uint8]],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Yield pictures [h, w, C] enlarged, and how many seconds the whole step took."""
    for number, low in enumerate(lows, 1):
        frame = as_frame(low, seq=number, name=str(number))
        began = clock()
        result = session.step(frame)
        seconds = clock() - began
        # 8 bits in, 8 bits out.
        yield result.pixels.astype(np.uint8, copy=False), seconds
