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
        start: What is to be said about the weights it began with; none: they were drawn.
        data: What is to be said about the pictures.
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
