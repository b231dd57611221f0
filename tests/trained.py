"""Weights for tests: as if they had been trained, but drawn."""

from __future__ import annotations

import torch

from srstream.engine.nets import NETS, LrResidualOptions, Net, NetContext
from srstream.engine.weights import Weights


def lr_net(options: LrResidualOptions, scale: int = 2) -> Net:
    """Return a network that does something: the last layer is drawn as well."""
    draw = torch.Generator().manual_seed(7)
    net = NETS["lr-residual"].make(options, NetContext(3, scale, draw))
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.startswith("tail"):
                weight.normal_(0.0, 0.05, generator=draw)
    return net


def lr_weights(options: LrResidualOptions, scale: int = 2) -> Weights:
    """Return the weights of such a network."""
    net = lr_net(options, scale)
    arrays = {name: weight.detach().numpy() for name, weight in net.named_parameters()}
    return Weights("lr-residual", options, scale, arrays, {"note": "drawn"})
