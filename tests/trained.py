"""Small networks for tests, their weights, and files of them: drawn, not trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from srstream.engine.nets import NETS, LrResidualOptions, Net, NetContext
from srstream.engine.weights import Weights, pack_weights

OPTIONS = LrResidualOptions(width=4, depth=3)
ABOUT = {
    "recipe": {"steps": 7, "rates": [0.5, 0.25]},
    "data": {"pictures": 2},
    "seed": 5,
    "figures": {"set5": 36.125, "validation": 33.0},
}


def born(options: Any, scale: int, draw: torch.Generator) -> Net:
    """Return a network of the table as it is born."""
    return NETS[NETS.name_of(options)].make(options, NetContext(3, scale, draw))


def lr_net(options: LrResidualOptions, scale: int = 2) -> Net:
    """Return a network that does something: the last layer is drawn as well."""
    draw = torch.Generator().manual_seed(7)
    net = born(options, scale, draw)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.startswith("tail"):
                weight.normal_(0.0, 0.05, generator=draw)
    return net


def lr_weights(options: LrResidualOptions, scale: int = 2) -> Weights:
    """Return the weights of such a network."""
    arrays = _arrays(lr_net(options, scale))
    return Weights("lr-residual", options, scale, arrays, {"note": "drawn"})


def tiny_weights(scale: int = 2, *, shift: float = 0.0, **about: Any) -> Weights:
    """Return the weights of a network as it is born, its last bias moved by `shift`.

    Of its output a shift is 0.1 times as much.
    """
    arrays = _arrays(born(OPTIONS, scale, torch.Generator().manual_seed(3)))
    arrays["tail.bias"] = arrays["tail.bias"] + np.float32(shift)
    return Weights("lr-residual", OPTIONS, scale, arrays, {**ABOUT, **about})


def save_weights(path: Path, weights: Weights | None = None) -> bytes:
    """Write a file of weights, of `tiny_weights` if none are given; return its bytes."""
    blob = pack_weights(tiny_weights() if weights is None else weights)
    path.write_bytes(blob)
    return blob


def _arrays(net: Net) -> dict[str, Any]:
    return {name: weight.detach().numpy() for name, weight in net.named_parameters()}
