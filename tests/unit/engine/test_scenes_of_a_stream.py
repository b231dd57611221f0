"""Tiles of a scene, bars, fades, black, and frames that come twice."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import srstream.engine.learning as learning_module
from exams import ALIKE, GivenMarks
from pictures import edges, frame, zone_plate
from srstream.engine import AdaptOptions, Session, SessionOptions
from srstream.engine.heldout import Reserved
from srstream.engine.losses import L1Options
from srstream.engine.nets import LrResidualOptions
from srstream.engine.pairs import Pairs
from srstream.frames import Outcome, Pixels
from trained import lr_weights

WEIGHTS = lr_weights(LrResidualOptions(width=4, depth=2))
OPTIONS = SessionOptions(
    net=None,
    weights="drawn",
    loss=L1Options(),
    adapt=AdaptOptions(
        steps=2, batch=1, crop=24, pairs=None, rate=0.003, milestones=(), carry_moments=True
    ),
)
HEIGHT, WIDTH = 96, 112
HERE, THERE = edges(HEIGHT, WIDTH), 255 - edges(HEIGHT, WIDTH)


def make(**adapt: object) -> Session:
    given = {"judge": "cautious", **adapt}
    changed = dataclasses.replace(OPTIONS.adapt, **given)  # type: ignore[arg-type]
    return Session(dataclasses.replace(OPTIONS, adapt=changed), weights=WEIGHTS)


def tiles(session: Session) -> list[list[int]]:
    reserved = session._carried.reserved
    assert reserved is not None
    return reserved.corners.tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("judge", ["cautious", "enforce", "observe"])
def test_tiles_stay_where_they_are_until_a_cut_and_then_change(judge: str) -> None:
    session = make(judge=judge)
    seen = []
    for pixels in (HERE, edges(HEIGHT, WIDTH, shift=2), HERE, THERE, THERE[:, :] + 1):
        session.step(frame(pixels))
        seen.append(tiles(session))
    assert seen[0] == seen[1] == seen[2]
    assert seen[3] == seen[4]
    assert seen[2] != seen[3]


def test_frames_of_another_size_get_tiles_of_their_own() -> None:
    session = make()
    session.step(frame(HERE))
    session.step(frame(HERE[:64, :80]))
    reserved = session._carried.reserved
    assert reserved is not None
    assert reserved.size == (64, 80)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Pairs]:
    """All pairs that sessions make."""
    pairs: list[Pairs] = []

    class Watched(Pairs):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            pairs.append(self)

    monkeypatch.setattr(learning_module, "Pairs", Watched)
    return pairs


def secret(reserved: Reserved) -> np.ndarray:
    """[H, W]: tiles and guard bands."""
    held, guard = np.zeros(reserved.size, bool), reserved.guard
    for top, left in reserved.corners.T.tolist():
        rows = slice(max(top - guard, 0), top + reserved.side + guard)
        held[rows, max(left - guard, 0) : left + reserved.side + guard] = True
    return held


def test_a_camera_that_stands_still_never_trains_on_a_tile(made: list[Pairs]) -> None:
    """Two streams that differ in tiles and guard bands alone are learnt from alike."""
    sessions = make(), make()
    for session in sessions:
        GivenMarks(session, learnt=ALIKE)
        session.step(frame(HERE))
    reserved = sessions[0]._carried.reserved
    assert reserved is not None
    draw = np.random.default_rng(0)
    made.clear()
    for _ in range(12):
        noise = draw.integers(-6, 7, HERE.shape)
        still = (HERE + noise).clip(0, 255).astype(np.uint8)
        other = np.where(secret(reserved)[:, :, None], HERE, still)
        for session, pixels in zip(sessions, (still, other), strict=True):
            assert not session.step(frame(pixels)).stats.scene_change
    assert len(made) >= 2 * 6
    for one, two in zip(made[::2], made[1::2], strict=True):
        free = one._lines[-1] == 1.0
        assert torch.equal(one._lines[-1], two._lines[-1])
        assert torch.equal(one._lines[:, free], two._lines[:, free])
        assert not torch.equal(one._lines, two._lines)
        assert np.array_equal(free[: HEIGHT * WIDTH].numpy(), ~secret(reserved).ravel())


def barred() -> Pixels:
    """A bright picture between black bars."""
    framed = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    framed[20:76, 8:104] = 40 + zone_plate(56, 96) // 2
    return framed


def test_nothing_of_bars_is_learnt_from_or_examined(made: list[Pairs]) -> None:
    session = make()
    session.step(frame(barred()))
    reserved = session._carried.reserved
    assert reserved is not None
    box = reserved.box
    assert (box.top, box.left, box.height, box.width) == (20, 8, 56, 96)
    (pairs,) = made
    assert pairs._levels[1:, 0].tolist() == [56, 96]
    picture = pairs._lines[:-1, : 56 * 96]
    assert float(picture.min()) > 16 / 255  # bars are darker
    assert pairs._levels[1].max() <= 56


def test_a_fade_takes_no_step_and_what_comes_after_it_does() -> None:
    session = make(judge="observe")
    session.step(frame(HERE))
    for share in (0.9, 0.8, 0.7):
        faded = session.step(frame((HERE * share).astype(np.uint8))).stats
        assert (faded.outcome, faded.steps, faded.scene_change) == (
            Outcome.SKIPPED,
            0,
            False,
        )
    moved = (edges(HEIGHT, WIDTH, shift=4) * 0.7).astype(np.uint8)
    assert session.step(frame(moved)).stats.steps == 2


@pytest.mark.parametrize("judge", ["cautious", "observe"])
def test_a_black_frame_takes_no_step_and_after_it_there_is_a_new_scene(judge: str) -> None:
    session = make(judge=judge)
    dark = zone_plate(HEIGHT, WIDTH) // 14  # so dark that black is no cut
    session.step(frame(dark))
    before = tiles(session)
    black = session.step(frame(np.zeros_like(dark))).stats
    assert (black.outcome, black.steps, black.scene_change) == (Outcome.SKIPPED, 0, False)
    assert session._carried.reserved is None
    session.step(frame(dark))
    assert tiles(session) != before


def test_a_repeated_frame_gets_the_same_pixels_and_no_step() -> None:
    session = make(repeats="reuse")
    first = session.step(frame(HERE))
    state = session.dump()
    again = session.step(frame(HERE.copy()))
    assert (again.stats.outcome, again.stats.steps) == (Outcome.REUSED, 0)
    assert np.array_equal(again.pixels, first.pixels)
    assert session.dump() == state
    assert session.step(frame(edges(HEIGHT, WIDTH, shift=1))).stats.outcome is not (
        Outcome.REUSED
    )


@pytest.mark.parametrize("mode", ["online", "per-frame"])
@pytest.mark.parametrize("judge", ["cautious", "observe"])
def test_a_session_that_was_resumed_enlarges_a_repeated_frame_alike(
    judge: str, mode: str
) -> None:
    session = make(repeats="reuse", judge=judge, mode=mode)
    first = session.step(frame(HERE))
    resumed = make(repeats="reuse", judge=judge, mode=mode)
    resumed.load(session.dump())
    one, two = session.step(frame(HERE)), resumed.step(frame(HERE))
    assert np.array_equal(one.pixels, first.pixels)
    assert np.array_equal(two.pixels, first.pixels)
    assert one.stats.outcome is two.stats.outcome is Outcome.REUSED
    assert one.stats.used is two.stats.used
    assert session.dump() == resumed.dump()


def test_a_frame_of_the_same_numbers_in_another_depth_is_no_repetition() -> None:
    session = make(repeats="reuse")
    black = np.zeros((32, 32, 3), np.uint8)
    session.step(frame(black))
    result = session.step(frame(black.astype(np.uint16)))
    assert result.pixels.dtype == np.uint16


def test_where_frames_are_to_be_learnt_from_again_they_are() -> None:
    session = make(repeats="learn", judge="observe")
    session.step(frame(HERE))
    assert session.step(frame(HERE)).stats.steps == 2
