"""A session's memory <-> bytes: safetensors, with a head that says whose memory it is.

safetensors keeps text beside the arrays, but in another order each time. So the head is
one JSON text under one key: the same memory always gives the same bytes. It carries a
checksum of itself and of the arrays, which the format has not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from srstream.errors import StateError

FORMAT = 1
LARGEST = 1 << 30
"""Bytes; the largest network that can be set takes 0.85 GB with its moments."""
_HEAD = "srstream"
_SUM = "sha256"


def pack(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> bytes:
    """Return the arrays as safetensors, with `head` and the format's number beside them."""
    # safetensors takes the memory as it lies, without a look at strides.
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    whole = {"format": FORMAT, **head}
    text = _text({**whole, _SUM: _checksum(dense, whole)})
    return save(dense, {_HEAD: text})


def unpack(blob: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Undo `pack`; the head has the number of the format under `format`.

    Raises:
        StateError: not such bytes, damaged, too large, or of another format.
    """
    if len(blob) > LARGEST:
        raise StateError(f"the state has {len(blob)} bytes; at most {LARGEST} are taken")
    try:
        arrays = load(blob)
        length = int.from_bytes(blob[:8], "little")  # found right by `load`
        head = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"][_HEAD])
        is_whole = head.pop(_SUM, None) == _checksum(arrays, head)
    except Exception as exc:  # damage makes the parsers raise many things
        raise StateError(f"not the state of a session: {exc}") from exc
    check_fits(head, {"format": FORMAT})
    if not is_whole:
        raise StateError("the state is damaged: it does not have its checksum")
    return arrays, head


def check_fits(head: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Compare a head from `unpack` with what must stand in it.

    Raises:
        StateError: names the first key that differs, what it is and what is wanted.
    """
    # In the order given: what says most comes first, and a hash last.
    for key, value in json.loads(json.dumps(wanted)).items():
        if head.get(key) != value:
            raise StateError(f"{key} is {head.get(key)!r}; wanted: {value!r}")


def _text(head: Mapping[str, Any]) -> str:
    return json.dumps(head, sort_keys=True)


def _checksum(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(_text(head).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()
