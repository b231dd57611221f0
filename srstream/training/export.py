"""A trained network -> weights, with all that is known of how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from srstream import __version__
from srstream.engine.nets import NETS
from srstream.engine.weights import Weights
from srstream.training.loop import Trained
from srstream.training.recipe import Recipe


def identity_of(
    recipe: Recipe,
    options: Any,
    *,
    scale: int,
    start: Mapping[str, Any] | None,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what decides the weights, but for device and threads; arguments as there."""
    return {
        "recipe": asdict(recipe),
        "net": NETS.name_of(options),
        "net_options": asdict(options),
        "scale": scale,
        "data": _without(data, "names"),
        "from": start and start["sha256"],
    }


def identity_in(weights: Weights) -> dict[str, Any]:
    """Return the same of weights that are there, whatever their `about` holds."""
    start = weights.about.get("from")
    return {
        "recipe": _without(weights.about.get("recipe"), "name"),
        "net": weights.net,
        "net_options": asdict(weights.options),
        "scale": weights.scale,
        "data": _without(weights.about.get("data"), "names"),
        "from": start.get("sha256") if isinstance(start, Mapping) else None,
    }


def weights_of(
    trained: Trained,
    options: Any,
    recipe: Recipe,
    *,
    scale: int,
    name: str,
    start: Mapping[str, Any] | None,
    data: Mapping[str, Any],
    figures: Mapping[str, float],
) -> Weights:
    """Return the averaged weights; the same training gives the same ones.

    Args:
        trained: What `train` returned.
        options: The network's, of a row of `NETS`.
        recipe: What it was trained by.
        scale: The network's.
        name: Of the recipe.
        start: What is to be said about the weights it began with, with a digest as
            `sha256`; none: they were drawn.
        data: What is to be said about the pictures, without regard to their `names`.
        figures: dB on sets of pictures, by the names of the sets.
    """
    last = trained.moments[-1]
    about = {
        "recipe": {"name": name, **asdict(recipe)},
        "from": start,
        "data": dict(data),
        "seed": recipe.seed,
        "steps": last.step,
        "loss": last.loss,
        # What `srstream models` shows: dB of the luma, a border of `scale` left out.
        "figures": {
            **figures,
            "validation": last.psnr,
            "validation bicubic": last.psnr_bicubic,
        },
        "colours": "luma" if trained.net.colours == 1 else "rgb",
        "range": "0 to 1; luma is BT.601 in full range",
        "srstream": __version__,
        "torch": torch.__version__,
    }
    arrays = {
        name: parameter.detach().cpu().contiguous().numpy()
        for name, parameter in trained.net.named_parameters()
    }
    return Weights(NETS.name_of(options), options, scale, arrays, about)


def _without(table: Any, key: str) -> dict[str, Any]:
    """Return the table without this key; empty if it is no table."""
    if not isinstance(table, Mapping):
        return {}
    return {name: value for name, value in table.items() if name != key}
