"""Files of weights, for tests: small networks that learnt nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Generator

from srstream.engine.nets import NETS, NetContext
from srstream.engine.nets.lr_residual import LrResidualOptions
from srstream.engine.weights import Weights, pack_weights

OPTIONS = LrResidualOptions(width=4, depth=3)
ABOUT = {
    "recipe": {"steps": 7, "rates": [0.5, 0.25]},
    "data": {"pictures": 2},
    "seed": 5,
    "figures": {"set5": 36.125, "validation": 33.0},
}


def tiny_weights(scale: int = 2, *, shift: float = 0.0, **about: Any) -> Weights:
    """Return the weights of a network as it is born, its last bias moved by `shift`.

    Of its output a shift is 0.1 times as much.
    """
    generator = Generator().manual_seed(3)
    net = NETS["lr-residual"].make(OPTIONS, NetContext(3, scale, generator))
    arrays = {name: each.detach().numpy() for name, each in net.named_parameters()}
    arrays["tail.bias"] = arrays["tail.bias"] + np.float32(shift)
    return Weights("lr-residual", OPTIONS, scale, arrays, {**ABOUT, **about})


def save_weights(path: Path, weights: Weights | None = None) -> bytes:
    """Write a file of weights, of `tiny_weights` if none are given; return its bytes."""
    blob = pack_weights(tiny_weights() if weights is None else weights)
    path.write_bytes(blob)
    return blob
