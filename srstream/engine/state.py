"""A session's memory <-> bytes: named arrays and a fingerprint. No pickle."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srstream.errors import StateError

FORMAT = 1
HEAD = "head"


def pack(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> bytes:
    """Return numpy's npz of the arrays, with `head` beside them as JSON."""
    text = json.dumps({"format": FORMAT, **head}, sort_keys=True).encode()
    blob = io.BytesIO()
    np.savez(blob, allow_pickle=False, **{HEAD: np.frombuffer(text, np.uint8)}, **arrays)
    return blob.getvalue()


def unpack(blob: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Undo `pack`.

    Raises:
        StateError: not such bytes, or of another format.
    """
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        head = json.loads(arrays.pop(HEAD).tobytes())
    except (
        Exception
    ) as exc:  # damaged archives make zipfile and numpy raise nearly anything
        raise StateError(f"not the state of a session: {exc}") from exc
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise StateError("the state of a session, but of another format")
    return arrays, head
