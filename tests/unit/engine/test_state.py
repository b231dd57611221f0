from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save

from srstream.engine import state
from srstream.engine.state import check_fits, pack, unpack
from srstream.errors import StateError

ARRAYS = {
    "weight": np.arange(60, dtype=np.float32).reshape(3, 4, 5),
    "step": np.asarray(np.float32(7)),
    "random": np.arange(256, dtype=np.uint8),
    "empty": np.zeros((0, 3), np.float32),
}
HEAD = {"net": "zssr", "net_options": {"width": 4, "dropout": 0.1}, "frames": 3}
BLOB = pack(ARRAYS, HEAD)


def same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> bool:
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and np.array_equal(ours[name], theirs[name])
        for name in ours
    )


def test_what_was_packed_is_unpacked() -> None:
    arrays, head = unpack(BLOB)
    assert same(arrays, ARRAYS)
    assert arrays["step"].shape == ()
    assert head == {"format": 1, **HEAD}


def test_arrays_that_do_not_lie_in_order_are_packed_as_they_are_read() -> None:
    turned = ARRAYS["weight"].transpose(2, 0, 1)
    assert not turned.flags.c_contiguous
    arrays, _ = unpack(pack({"turned": turned, "every other": turned[::2]}, HEAD))
    assert np.array_equal(arrays["turned"], turned)
    assert np.array_equal(arrays["every other"], turned[::2])


def test_the_same_memory_gives_the_same_bytes() -> None:
    backwards = dict(reversed(ARRAYS.items()))
    assert {pack(backwards, dict(reversed(HEAD.items()))) for _ in range(10)} == {BLOB}


def test_other_programs_read_it_as_safetensors(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(BLOB)
    with safe_open(tmp_path / "a.safetensors", framework="np") as file:
        assert sorted(file.keys()) == sorted(ARRAYS)
        assert np.array_equal(file.get_tensor("weight"), ARRAYS["weight"])
        assert json.loads(file.metadata()["srstream"])["net"] == "zssr"


def test_a_truncated_state_is_refused_wherever_it_ends() -> None:
    for end in range(len(BLOB)):
        with pytest.raises(StateError):
            unpack(BLOB[:end])


@given(
    at=st.integers(0, len(BLOB) - 1),
    flip=st.integers(1, 255),
)
def test_a_changed_byte_is_refused_or_changes_nothing(at: int, flip: int) -> None:
    """Blanks in the header may become other blanks."""
    damaged = bytearray(BLOB)
    damaged[at] ^= flip
    try:
        arrays, head = unpack(bytes(damaged))
    except StateError:
        return
    assert same(arrays, ARRAYS)
    assert head == {"format": 1, **HEAD}
    assert BLOB[at : at + 1] == b" "


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(blob: bytes) -> None:
    for damaged in (blob, BLOB + b"\0" + blob, len(blob).to_bytes(8, "little") + blob):
        with pytest.raises(StateError):
            unpack(damaged)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"srstream": "not JSON"},
        {"srstream": "[1]"},
        {"srstream": "null"},
        {"srstream": "[" * 100_000},
        {"srstream": '{"format": 1}'},
        {"srstream": '{"format": 1, "sha256": 5}'},
    ],
    ids=lambda metadata: str(metadata)[:40],
)
def test_safetensors_of_another_program_are_refused(
    metadata: dict[str, str] | None,
) -> None:
    with pytest.raises(StateError):
        unpack(save(ARRAYS, metadata))


def test_a_head_nested_to_any_depth_is_refused() -> None:
    for depth in range(0, 2000, 7):
        head = '{"format":' + "[" * depth + "]" * depth + "}"
        with pytest.raises(StateError):
            unpack(save({}, {"srstream": head}))


def test_types_of_numbers_that_numpy_has_not_are_refused() -> None:
    header = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    with pytest.raises(StateError):
        unpack(len(header).to_bytes(8, "little") + header + b"ab")


def test_another_format_is_refused_and_named() -> None:
    with pytest.raises(StateError, match="format is 2; wanted: 1"):
        unpack(pack(ARRAYS, {**HEAD, "format": 2}))


def test_a_state_above_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LARGEST", len(BLOB) - 1)
    with pytest.raises(StateError, match=f"{len(BLOB)} bytes; at most {len(BLOB) - 1}"):
        unpack(BLOB)


def test_a_head_above_its_limit_is_refused_unparsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blob = pack({}, {"text": "a" * 3000})
    monkeypatch.setattr(state, "LARGEST_HEAD", 2000)
    with pytest.raises(StateError, match="its head has 3"):
        unpack(blob)


def test_a_head_that_does_not_fit_is_refused_by_key_with_both_values() -> None:
    check_fits(HEAD, {"net": "zssr", "net_options": {"dropout": 0.1, "width": 4}})
    with pytest.raises(StateError, match=r"^net is 'zssr'; wanted: 'other'$"):
        check_fits(HEAD, {"net": "other"})
    with pytest.raises(StateError, match=r"^scale is None; wanted: 2$"):
        check_fits(HEAD, {"net": "zssr", "scale": 2})


def test_a_list_fits_the_tuple_it_was_written_from() -> None:
    _, head = unpack(pack(ARRAYS, {"sizes": (1, 2)}))
    check_fits(head, {"sizes": (1, 2)})
