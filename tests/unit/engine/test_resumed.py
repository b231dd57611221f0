"""A session that was saved and loaded at any moment goes on as if it never stopped."""

from __future__ import annotations

import copy
import dataclasses
from itertools import chain, cycle, islice, repeat
from typing import Any

import numpy as np
import pytest

from exams import ALIKE, BETTER, WORSE, GivenMarks
from pictures import edges, frame, zone_plate
from srstream.engine import AdaptOptions, Session, SessionOptions
from srstream.engine.losses import L1Options
from srstream.engine.nets import LrResidualOptions
from srstream.engine.state import pack, unpack
from srstream.errors import StateError
from srstream.frames import AdaptStats, Outcome, Used
from trained import lr_weights

WEIGHTS = lr_weights(LrResidualOptions(width=4, depth=2))
OPTIONS = SessionOptions(
    net=None,
    weights="drawn",
    loss=L1Options(),
    adapt=AdaptOptions(
        steps=2,
        batch=1,
        crop=24,
        pairs=None,
        rate=0.003,
        milestones=(),
        carry_moments=True,
        judge="cautious",
        repeats="reuse",
        scenes=2,
    ),
)
HERE, THERE = edges(64, 80), zone_plate(64, 80)
NOISE = np.random.default_rng(0)


def moving(pixels: np.ndarray, frames: int) -> list[np.ndarray]:
    noise = NOISE.integers(-3, 4, (frames, *pixels.shape))
    return list((pixels + noise).clip(0, 255).astype(np.uint8))


STREAM = [
    *moving(HERE, 4),
    *(HERE * share for share in (0.95, 0.9)),  # a fade
    *moving(THERE, 3),  # a cut
    THERE,
    THERE,  # twice the same
    *moving(HERE, 3),  # the scene comes back
    np.zeros_like(HERE),
    *moving(HERE, 2),
]
MARKS = [
    *(BETTER, ALIKE, BETTER, WORSE, BETTER, ALIKE),
    *(ALIKE, ALIKE, ALIKE, ALIKE, BETTER, ALIKE),
]


def make(**adapt: object) -> Session:
    changed = dataclasses.replace(OPTIONS.adapt, **adapt)  # type: ignore[arg-type]
    return Session(dataclasses.replace(OPTIONS, adapt=changed), weights=WEIGHTS)


def timeless(stats: AdaptStats) -> AdaptStats:
    return dataclasses.replace(stats, adapt_ms=0.0, upscale_ms=0.0)


@pytest.mark.parametrize(
    "adapt",
    [{}, {"keyframe": 3}, {"radius": 0.01}, {"scenes": 0}, {"mode": "per-frame"}],
    ids=str,
)
def test_loading_before_every_frame_changes_no_bit(adapt: dict[str, object]) -> None:
    straight = make(**adapt)
    exam = GivenMarks(straight, learnt=cycle(MARKS))
    resumed, held = make(**adapt), 0
    seen: set[Used] = set()
    for pixels in STREAM:
        given = frame(pixels.astype(np.uint8))
        expected = straight.step(given)
        state = resumed.dump()
        resumed = make(**adapt)
        resumed.load(state)
        assert resumed.dump() == state
        again = GivenMarks(resumed, learnt=islice(cycle(MARKS), held, None))
        got = resumed.step(given)
        held += again.held
        assert held == exam.held
        assert np.array_equal(expected.pixels, got.pixels)
        assert timeless(expected.stats) == timeless(got.stats)
        assert straight.dump() == resumed.dump()
        seen.add(expected.stats.used)
    if adapt in ({}, {"radius": 0.01}):
        assert seen == {Used.FROZEN, Used.CARRIED, Used.ADAPTED, Used.CACHED}


def test_the_real_exam_gives_the_same_when_resumed() -> None:
    straight, resumed = make(), make()
    for pixels in STREAM:
        given = frame(pixels.astype(np.uint8))
        state = resumed.dump()
        resumed = make()
        resumed.load(state)
        one, two = straight.step(given), resumed.step(given)
        assert np.array_equal(one.pixels, two.pixels)
        assert timeless(one.stats) == timeless(two.stats)
    assert straight.dump() == resumed.dump()


def test_abandoning_a_frame_at_a_cut_after_any_unit_restores_everything() -> None:
    session = make()
    GivenMarks(session, learnt=chain([BETTER], repeat(ALIKE)))
    session.step(frame(HERE))
    before = session.dump()
    units = 0
    while True:
        session.begin(frame(THERE))
        if any(session.advance(0.0) for _ in range(units)):
            break
        session.abandon()
        assert session.dump() == before
        units += 1
    assert units > 5
    twin = make()
    twin.load(before)
    GivenMarks(twin, learnt=ALIKE)
    GivenMarks(session, learnt=ALIKE)
    assert np.array_equal(session.finish().pixels, twin.step(frame(THERE)).pixels)


def test_a_frame_that_follows_an_abandoned_one_is_as_if_that_never_was() -> None:
    """Whatever was in hand, such as an exam that was half over."""
    session = make()
    for pixels in moving(HERE, 2):
        session.step(frame(pixels))
    before, (given_up, after) = session.dump(), moving(HERE, 2)
    twin = make()
    twin.load(before)
    twin.step(frame(after))
    expected = twin.dump()
    for units in range(1, 100):
        session.begin(frame(given_up))
        if any(session.advance(0.0) for _ in range(units)):
            break
        session.abandon()
        session.step(frame(after))
        assert session.dump() == expected
        session.load(before)
    assert units > 5


def full() -> tuple[dict[str, Any], dict[str, Any]]:
    """A state that has all there can be."""
    session = make()
    GivenMarks(session, learnt=chain([BETTER], repeat(ALIKE)))
    for pixels in (*moving(HERE, 2), THERE, moving(THERE, 1)[0]):
        session.step(frame(pixels))
    arrays, head = unpack(session.dump())
    assert {name.partition("/")[0] for name in arrays} == {
        *("weight", "published", "moment", "random", "thumbnail", "scene", "reserved")
    }
    return arrays, head


ARRAYS, HEAD = full()
COUNT = sum(a.size for name, a in ARRAYS.items() if name.startswith("weight/"))


@pytest.mark.parametrize(
    "damage",
    [
        {"reserved": None},
        {"reserved": ARRAYS["reserved"].astype(np.float32)},
        {"reserved": ARRAYS["reserved"][:1]},
        {"reserved": ARRAYS["reserved"][:, :0]},
        {"reserved": -2 + 0 * ARRAYS["reserved"]},
        {"reserved": ARRAYS["reserved"] + 1000},
        {"reserved": ARRAYS["reserved"] + 1},
        {"scene/0/thumbnail": None},
        {"scene/0/thumbnail": np.zeros((3, 4, 4), np.float32)},
        {"scene/0/weights": np.zeros(3, np.float32)},
        {"scene/0/weights": np.full(COUNT, np.nan, np.float32)},
        {"scene/0/number": None},
        {"scene/0/number": np.zeros(2, np.int64)},
        {"scene/0/number": np.zeros(1, np.float32)},
        {"published/head.bias": None},
        {"published/head.bias": np.full(4, np.inf, np.float32)},
    ],
    ids=lambda damage: " ".join(f"{k} {getattr(v, 'shape', v)}" for k, v in damage.items()),
)
def test_arrays_that_would_do_harm_later_are_refused_at_once(
    damage: dict[str, np.ndarray | None],
) -> None:
    arrays = {**ARRAYS, **damage}
    refuses(pack({name: a for name, a in arrays.items() if a is not None}, HEAD))


def refuses(state: bytes) -> None:
    session = make()
    session.step(frame(HERE))
    before = session.dump()
    with pytest.raises(StateError):
        session.load(state)
    assert session.dump() == before


@pytest.mark.parametrize(
    ("where", "value"),
    [
        *((("progress", "used"), value) for value in ("some", None, 3, [], True)),
        *((("progress", "steps"), value) for value in (-1, 1.5, True, None, "3")),
        *((("progress", "gain_db"), value) for value in ("1", None, True, [])),
        *((("progress",), value) for value in (None, 3, [], {})),
        *((("reserved", "side"), value) for value in (0, -4, 3, 1000, 2.5, True, None)),
        *((("reserved", "size"), value) for value in ([64], [64, 8], None, [64, "80"])),
        *(
            (("reserved", "box"), value)
            for value in ([0, 0, 64], [0, 0, 65, 80], [2, 0, 64, 80], [-2, 0, 64, 80], 5)
        ),
        (("reserved",), [1]),
        (("last",), 7),
        ((), 7),
        ((), None),
    ],
    ids=str,
)
def test_what_the_head_says_of_a_scene_is_checked(
    where: tuple[str, ...], value: object
) -> None:
    head = {**HEAD, "scene": copy.deepcopy(HEAD["scene"])}
    if not where:
        head["scene"] = value
    elif len(where) == 1:
        head["scene"][where[0]] = value
    else:
        head["scene"][where[0]][where[1]] = value
    refuses(pack(ARRAYS, head))


def test_a_state_from_before_scenes_were_known_loads() -> None:
    head = {key: value for key, value in HEAD.items() if key != "scene"}
    kinds = ("weight", "moment", "random", "thumbnail")
    arrays = {name: a for name, a in ARRAYS.items() if name.split("/")[0] in kinds}
    session = make(judge="observe")
    session.load(pack(arrays, head))
    loaded, _ = unpack(session.dump())
    assert loaded.keys() == arrays.keys()
    assert all(np.array_equal(loaded[name], arrays[name]) for name in arrays)
    assert session.step(frame(THERE)).stats.steps == 2


def test_a_frame_that_only_looks_like_the_last_one_is_no_repeat_after_loading() -> None:
    """Two pixels of one cell of the thumbnail have changed places."""
    options = dataclasses.replace(
        OPTIONS, adapt=dataclasses.replace(OPTIONS.adapt, repeats="reuse")
    )
    first = edges(64, 80)
    other = first.copy()
    rows = np.argwhere(first[:4, :5, 0] != first[0, 0, 0])
    row, column = rows[0]
    other[0, 0], other[row, column] = first[row, column], first[0, 0]
    straight = Session(options, weights=WEIGHTS)
    straight.step(frame(first))
    resumed = Session(options, weights=WEIGHTS)
    resumed.load(straight.dump())
    one, two = straight.step(frame(other)), resumed.step(frame(other))
    assert one.stats.outcome is not Outcome.REUSED
    assert two.stats.outcome is one.stats.outcome
    assert np.array_equal(one.pixels, two.pixels)
