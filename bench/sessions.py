"""From the name of a preset to a session: with the model that it names, and a precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from srstream.engine import PRESETS, Session, SessionOptions, compare_precisions
from srstream.engine.carried import Carried
from srstream.engine.options import Precision
from srstream.engine.weights import Weights
from srstream.models.find import read_weights


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
    return read_weights(settings.weights, settings.scale, Path())


def with_precision(settings: SessionOptions, device: torch.device) -> SessionOptions:
    """Find out which precision is faster, as the daemon does, where that is left open."""
    if settings.precision != "auto":
        return settings
    found = compare_precisions(settings, device, weights=weights_of(settings))
    return replace(settings, precision=found.precision)


def session_of(settings: SessionOptions, device: torch.device) -> Session:
    """Make a session; raises what `weights_of` does."""
    return Session(settings, weights=weights_of(settings), device=device)


def carried_of(settings: SessionOptions, device: torch.device) -> Carried:
    """Make what a session carries, to take it apart; raises what `weights_of` does."""
    return Carried(settings, device, weights=weights_of(settings))
