"""One state of each format that was ever written is kept in `tests/checkpoints/`.

They are never made anew: that they still load is the promise. For a new format, and with
it a new name in `KEPT`, the file is made once, from the root of the repository:

    PYTHONPATH=tests:tests/unit/engine .venv/bin/python -c \
        "import test_kept_checkpoints as t; t.make('format-2-zssr-star')"

They fit because a seed gives the same initial weights in every supported version of torch:
its generator on a CPU and the way normal numbers are drawn from it are stable, and in
double precision they do not depend on the processor either.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pictures import edges, frame
from srstream.engine import AdaptOptions, Session, SessionOptions
from srstream.engine.losses import MseOptions
from srstream.engine.nets import ZssrStarOptions
from srstream.engine.state import unpack

FOLDER = Path(__file__).parents[2] / "checkpoints"
KEPT = ["format-1-zssr-star"]
OPTIONS = SessionOptions(
    net=ZssrStarOptions(width=4, depth=2),
    loss=MseOptions(),
    adapt=AdaptOptions(
        steps=5,
        batch=2,
        crop=16,
        pairs=None,
        milestones=(),
        carry_moments=True,
        judge="observe",
    ),
)
ABOUT_THIS_RUN = {"format", "frames", "steps", "scene"}


def made() -> bytes:
    """A state after two frames, of which it has the moments."""
    session = Session(OPTIONS)
    for shift in (0, 3):
        session.step(frame(edges(20, 24, shift=shift)))
    return session.dump()


def make(name: str) -> None:
    """Write a new one; refuses to replace one."""
    with (FOLDER / f"{name}.safetensors").open("xb") as file:
        file.write(made())


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.safetensors").read_bytes()


def test_every_kept_state_is_tested_and_the_present_format_is_among_them() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(KEPT)
    present = unpack(made())[1]["format"]
    assert any(name.startswith(f"format-{present}-") for name in KEPT)


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_state_loads_with_all_that_stands_in_it(name: str) -> None:
    session = Session(OPTIONS)
    session.load(read(name))
    kept, loaded = unpack(read(name))[0], unpack(session.dump())[0]
    assert {array.partition("/")[0] for array in kept} == {
        "weight",
        "moment",
        "random",
        "thumbnail",
    }
    assert kept.keys() == loaded.keys()
    assert all(np.array_equal(kept[array], loaded[array]) for array in kept)
    assert (session._carried.frames, session._carried.steps) == (2, 10)
    assert session.step(frame(edges(20, 24, shift=6))).stats.steps == 5


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_state_has_the_fingerprint_of_a_new_session(name: str) -> None:
    _, kept = unpack(read(name))
    _, new = unpack(Session(OPTIONS).dump())
    assert {key: kept[key] for key in kept.keys() - ABOUT_THIS_RUN} == {
        key: new[key] for key in new.keys() - ABOUT_THIS_RUN
    }


def test_the_fingerprint_of_format_1_is_as_it_was_written() -> None:
    """Its text, so that a change of both sides alike is noticed."""
    _, head = unpack(read("format-1-zssr-star"))
    weights = head.pop("initial_weights")
    assert len(weights) == 64
    assert head == {
        "format": 1,
        "net": "zssr-star",
        "net_options": {"width": 4, "depth": 2, "dropout": 0.1},
        "scale": 2,
        "base": "bicubic",
        "degradation": "bicubic",
        "frames": 2,
        "steps": 10,
    }
