"""Named arrays <-> bytes: safetensors, with a head that says what they are.

safetensors keeps text beside the arrays, but in another order each time. So the head is
one JSON text under one key: the same arrays always give the same bytes. It carries a
checksum of itself and of the arrays, which the format has not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srstream.errors import StateError

FORMAT = 1
LARGEST = 1 << 30
"""Bytes; the largest network that can be set takes 0.85 GB with its moments."""
LARGEST_HEAD = 1 << 20
"""Bytes of names, shapes and text; parsing more would hold up every other thread."""
_HEAD = "srstream"
_SUM = "sha256"


def pack(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> bytes:
    """Return the arrays as safetensors, with `head` and the format's number beside them."""
    # safetensors takes the memory as it lies, without a look at strides.
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    from safetensors.numpy import save  # noqa: PLC0415 - a bench runs without it

    whole = {"format": FORMAT, **head}
    text = _text({**whole, _SUM: _checksum(dense, whole)})
    return save(dense, {_HEAD: text})


def unpack(blob: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Undo `pack`; the head has the number of the format under `format`.

    Raises:
        StateError: not such bytes, damaged, too large, or of another format.
    """
    if len(blob) > LARGEST:
        raise StateError(f"it has {len(blob)} bytes; at most {LARGEST} are taken")
    from safetensors.numpy import load  # noqa: PLC0415 - as above

    length = int.from_bytes(blob[:8], "little")
    try:
        if length > LARGEST_HEAD:
            raise ValueError(f"its head has {length} bytes")  # noqa: TRY301
        arrays = load(blob)
        head = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"][_HEAD])
        is_whole = head.pop(_SUM, None) == _checksum(arrays, head)
    except Exception as exc:  # damage makes the parsers raise many things
        raise StateError(f"not a file of srstream: {exc}") from exc
    check_fits(head, {"format": FORMAT})
    if not is_whole:
        raise StateError("damaged: it does not have its checksum")
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


def array_of(
    arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Return one array of float32, checked: what else it is would do harm later.

    Raises:
        StateError: it is missing, of another type or shape, or not finite.
    """
    array = arrays.get(name)
    if array is None:
        raise StateError(f"{name} is missing")
    if array.dtype != np.float32 or array.shape != tuple(shape):
        found = f"{array.dtype} of shape {array.shape}"
        raise StateError(f"{name} is {found}; wanted: float32 of shape {tuple(shape)}")
    if not np.isfinite(array).all():
        raise StateError(f"{name} is not finite")
    return array


def digest_of(arrays: Iterable[NDArray[Any]]) -> str:
    """Return what tells these weights, in this order, from others."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _text(head: Mapping[str, Any]) -> str:
    return json.dumps(head, sort_keys=True)


def _checksum(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(_text(head).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()
