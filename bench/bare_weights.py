"""The weights that are shipped, read without the library that wrote them.

A file of safetensors is a number, a text and the arrays: so many bytes of JSON, which says
where each array lies behind it. Only for machines that have nothing but torch and numpy;
all else reads them by the library, which checks what it reads.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srstream.engine.nets import NETS
from srstream.engine.weights import Weights

_KINDS = {"F32": "<f4", "F16": "<f2"}


def read_shipped(name: str, scale: int) -> Weights:
    """Return the weights of a model.

    Raises:
        OSError: there is no such model.
        ValueError: it has arrays of other types than are shipped.
    """
    blob = (files("srstream.models") / f"{name}-x{scale}.safetensors").read_bytes()
    length = int.from_bytes(blob[:8], "little")
    table = json.loads(blob[8 : 8 + length])
    head = json.loads(table.pop("__metadata__")["srstream"])
    behind = blob[8 + length :]
    arrays = {name: _array(behind, entry) for name, entry in table.items()}
    options = NETS[head["net"]].options(**head["net_options"])
    return Weights(head["net"], options, head["scale"], arrays, head["about"])


def _array(blob: bytes, entry: dict[str, Any]) -> NDArray[Any]:
    kind = entry["dtype"]
    if kind not in _KINDS:
        raise ValueError(f"an array of {kind}; known: {', '.join(_KINDS)}")
    first, end = entry["data_offsets"]
    return np.frombuffer(blob[first:end], _KINDS[kind]).reshape(entry["shape"])
