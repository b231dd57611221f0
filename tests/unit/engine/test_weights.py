from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from srstream.engine import Session, SessionOptions
from srstream.engine.nets import LrResidualOptions
from srstream.engine.state import pack, unpack
from srstream.engine.weights import pack_weights, unpack_weights
from srstream.errors import StateError
from trained import lr_weights

WEIGHTS = lr_weights(LrResidualOptions(width=4, depth=3, base="consistent"), scale=3)
BLOB = pack_weights(WEIGHTS)


def test_what_was_packed_is_unpacked() -> None:
    read = unpack_weights(BLOB)
    assert (read.net, read.options, read.scale, read.about) == (
        WEIGHTS.net,
        WEIGHTS.options,
        WEIGHTS.scale,
        WEIGHTS.about,
    )
    assert read.arrays.keys() == WEIGHTS.arrays.keys()
    assert all(
        np.array_equal(array, WEIGHTS.arrays[name]) for name, array in read.arrays.items()
    )


def test_the_same_weights_give_the_same_bytes() -> None:
    backwards = dict(reversed(WEIGHTS.arrays.items()))
    assert pack_weights(dataclasses.replace(WEIGHTS, arrays=backwards)) == BLOB


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "session"},
        {"net": "other"},
        {"net": None},
        {"net_options": {"width": 0}},
        {"net_options": {"breadth": 3}},
        {"net_options": None},
        {"net_options": {"width": 4.5}},
        {"net_options": {"width": True}},
        {"scale": 5},
        {"scale": 3.0},
        {"about": "text"},
    ],
    ids=str,
)
def test_a_head_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    arrays, head = unpack(BLOB)
    with pytest.raises(StateError):
        unpack_weights(pack(arrays, {**head, **change}))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_that_are_not_finite_are_refused_by_name(value: float) -> None:
    arrays, head = unpack(BLOB)
    arrays["tail.bias"] = np.full_like(arrays["tail.bias"], value)
    with pytest.raises(StateError, match=r"tail\.bias"):
        unpack_weights(pack(arrays, head))


def test_the_state_of_a_session_is_refused_as_weights_and_the_other_way_round() -> None:
    session = Session(SessionOptions(net=LrResidualOptions(width=4, depth=3)))
    with pytest.raises(StateError, match="kind"):
        unpack_weights(session.dump())
    with pytest.raises(StateError):
        session.load(BLOB)


def test_damaged_bytes_are_refused() -> None:
    damaged = bytearray(BLOB)
    damaged[-1] ^= 1
    for blob in (b"", BLOB[:-5], bytes(damaged)):
        with pytest.raises(StateError):
            unpack_weights(blob)
