"""A network that was trained beforehand <-> bytes, with what is known of its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srstream.engine.nets import NETS
from srstream.engine.state import check_fits, pack, unpack
from srstream.errors import StateError

KIND = "weights"
UNFINISHED = "training"
"""The kind of file in which a training is saved until it is finished."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The initial weights of sessions, in place of weights drawn at random."""

    net: str
    """The network's name in `NETS`."""
    options: Any
    """Its options, of that row of `NETS`."""
    scale: int
    arrays: Mapping[str, NDArray[Any]]
    """By the names of the network's parameters; float32 or float16, and finite."""
    about: Mapping[str, Any]
    """How they were trained and how good they are, for people: anything JSON can hold."""


def pack_weights(weights: Weights) -> bytes:
    """Return them as safetensors with a checksum; the same weights give the same bytes."""
    head = {
        "kind": KIND,
        "net": weights.net,
        "net_options": asdict(weights.options),
        "scale": weights.scale,
        "about": dict(weights.about),
    }
    return pack(weights.arrays, head)


def unpack_weights(blob: bytes) -> Weights:
    """Undo `pack_weights`.

    Raises:
        StateError: not such bytes, damaged, an unfinished training, or of a network that is
            not known here.
    """
    arrays, head = unpack(blob)
    if head.get("kind") == UNFINISHED:
        raise StateError("an unfinished training, which `srstream pretrain` continues")
    check_fits(head, {"kind": KIND})
    net, scale, about = head.get("net"), head.get("scale"), head.get("about")
    if not isinstance(net, str) or net not in NETS:
        raise StateError(f"net is {net!r}; known: {', '.join(NETS)}")
    if type(scale) is not int or scale not in (2, 3, 4) or not isinstance(about, dict):
        raise StateError(
            f"scale is {scale!r}, about is {about!r}; wanted: 2, 3 or 4, a map"
        )
    try:
        options = NETS[net].options(**head["net_options"])
        _check_types(options, NETS[net].options())
    except (KeyError, TypeError, ValueError) as exc:
        raise StateError(f"the options of {net} do not fit: {exc}") from exc
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.float16) or not np.isfinite(array).all():
            raise StateError(f"{name} is {array.dtype}, or not finite; wanted: float32")
    return Weights(net, options, scale, arrays, about)


def _check_types(options: Any, like: Any) -> None:
    """Raise `TypeError` unless the values are of the types that they have in `like`."""
    wanted = asdict(like)
    for name, value in asdict(options).items():
        if type(value) is not type(wanted[name]):
            raise TypeError(f"{name} is {value!r}")
