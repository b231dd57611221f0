"""The table of networks. Adding one is a file beside these and a line below."""

from __future__ import annotations

from srstream.engine.contracts import Net, NetContext
from srstream.engine.nets.lr_residual import LrResidualOptions, make_lr_residual
from srstream.engine.nets.zssr import (
    ZssrOptions,
    ZssrStarOptions,
    make_zssr,
    make_zssr_star,
)
from srstream.registry import Registry

NETS: Registry[Net, NetContext] = Registry("network")
NETS.add("zssr", ZssrOptions, make_zssr)
NETS.add("zssr-star", ZssrStarOptions, make_zssr_star)
NETS.add("lr-residual", LrResidualOptions, make_lr_residual)

__all__ = [
    "NETS",
    "LrResidualOptions",
    "Net",
    "NetContext",
    "ZssrOptions",
    "ZssrStarOptions",
]
