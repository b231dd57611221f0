from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from pictures import edges, frame, whole, zone_plate
from srstream.engine import AdaptOptions, Session, SessionOptions, cautious, estimate
from srstream.engine.judge import Comparison, Gain
from srstream.engine.losses import L1Options
from srstream.engine.nets import LrResidualOptions
from srstream.frames import Outcome, Used
from trained import lr_weights

NET = LrResidualOptions(width=4, depth=3)
WEIGHTS = lr_weights(NET)
TEACHES = SessionOptions(
    net=None,
    weights="drawn",
    loss=L1Options(),
    adapt=AdaptOptions(
        steps=3,
        batch=2,
        crop=24,
        pairs=None,
        rate=3e-3,
        milestones=(),
        carry_moments=True,
        judge="cautious",
    ),
)
IS_TAUGHT = dataclasses.replace(
    TEACHES, adapt=dataclasses.replace(TEACHES.adapt, thread="own")
)
STREAM = [edges(40, 52, shift=3 * k) for k in range(4)]
OTHER_SCENE = 255 - zone_plate(40, 52) // 4


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every exam is passed."""
    best = Comparison(Gain(0.1, 0.0001), agreement=1.0, likeness_db=0.0)
    monkeypatch.setattr(cautious, "compare", lambda *_, **__: best)


def pair() -> tuple[Session, Session]:
    return Session(TEACHES, weights=WEIGHTS), Session(IS_TAUGHT, weights=WEIGHTS)


def test_what_another_session_learnt_is_used_as_if_it_had_been_learnt_here(
    passing: None,
) -> None:
    """Each frame is learnt from before it is enlarged: then both do the same."""
    alone = Session(TEACHES, weights=WEIGHTS)
    teacher, taught = pair()
    for seq, pixels in enumerate(STREAM, start=1):
        one = frame(pixels, seq=seq)
        taught.teach(whole(teacher.learn(one)))
        expected, got = alone.step(one), taught.step(one)
        assert np.array_equal(expected.pixels, got.pixels)
        assert got.stats.used is Used.CARRIED
        assert got.stats.steps == expected.stats.steps
        assert got.stats.loss_after == expected.stats.loss_after
        assert got.stats.heldout_gain == expected.stats.heldout_gain


def test_without_a_lesson_it_enlarges_as_a_frozen_one_and_takes_no_step() -> None:
    frozen = dataclasses.replace(TEACHES, adapt=AdaptOptions(mode="frozen"))
    expected = Session(frozen, weights=WEIGHTS).step(frame(STREAM[0]))
    got = Session(IS_TAUGHT, weights=WEIGHTS).step(frame(STREAM[0]))
    assert np.array_equal(expected.pixels, got.pixels)
    assert (got.stats.outcome, got.stats.steps) == (Outcome.SKIPPED, 0)
    assert got.stats.used is Used.FROZEN


def test_a_lesson_holds_until_the_next_one(passing: None) -> None:
    teacher, taught = pair()
    taught.teach(whole(teacher.learn(frame(STREAM[0], seq=1))))
    first = taught.step(frame(STREAM[1], seq=2))
    again = taught.step(frame(STREAM[2], seq=3))
    assert first.stats.used is again.stats.used is Used.CARRIED
    assert again.stats.steps == 0


def test_a_lesson_of_the_scene_before_is_not_used_after_a_cut(passing: None) -> None:
    teacher, taught = pair()
    taught.step(frame(STREAM[0], seq=1))
    late = whole(teacher.learn(frame(STREAM[0], seq=1)))
    taught.teach(late)
    cut = taught.step(frame(OTHER_SCENE, seq=2))
    frozen = dataclasses.replace(TEACHES, adapt=AdaptOptions(mode="frozen"))
    assert cut.stats.scene_change
    assert cut.stats.used is Used.FROZEN
    expected = Session(frozen, weights=WEIGHTS).step(frame(OTHER_SCENE))
    assert np.array_equal(cut.pixels, expected.pixels)


def test_learning_does_not_change_a_lesson_that_was_given(passing: None) -> None:
    teacher, _ = pair()
    lesson = whole(teacher.learn(frame(STREAM[0], seq=1)))
    weights = lesson.weights.clone()
    whole(teacher.learn(frame(STREAM[1], seq=2)))
    assert bool((lesson.weights == weights).all())


def test_a_restored_teacher_presents_what_it_knew(passing: None) -> None:
    teacher, taught = pair()
    whole(teacher.learn(frame(STREAM[0], seq=1)))
    other, _ = pair()
    other.load(teacher.dump())
    taught.teach(other.present())
    result = taught.step(frame(STREAM[1], seq=2))
    assert result.stats.used is Used.CARRIED


def test_a_session_that_learns_by_itself_takes_no_lessons() -> None:
    teacher, _ = pair()
    with pytest.raises(RuntimeError, match="same"):
        teacher.teach(teacher.present())


def test_an_own_thread_is_for_the_cautious_judge_online() -> None:
    with pytest.raises(ValueError, match="thread"):
        AdaptOptions(thread="own")
    with pytest.raises(ValueError, match="thread"):
        AdaptOptions(thread="own", judge="cautious", mode="per-frame")


def test_a_repeat_that_the_teacher_met_is_none_for_the_frame_after_it(
    passing: None,
) -> None:
    reuse = dataclasses.replace(TEACHES.adapt, repeats="reuse")
    teacher = Session(dataclasses.replace(TEACHES, adapt=reuse), weights=WEIGHTS)
    own = dataclasses.replace(reuse, thread="own")
    taught = Session(dataclasses.replace(TEACHES, adapt=own), weights=WEIGHTS)
    whole(teacher.learn(frame(STREAM[0], seq=1)))
    before = taught.step(frame(STREAM[0], seq=1))
    taught.teach(whole(teacher.learn(frame(STREAM[0], seq=2))))
    after = taught.step(frame(STREAM[1], seq=3))
    assert after.stats.outcome is not Outcome.REUSED
    assert not np.array_equal(before.pixels, after.pixels)


def test_after_a_restart_in_another_scene_what_was_known_is_not_used(
    passing: None,
) -> None:
    teacher, _ = pair()
    whole(teacher.learn(frame(STREAM[0], seq=1)))
    other, taught = pair()
    other.load(teacher.dump())
    taught.teach(other.present())
    first = taught.step(frame(OTHER_SCENE, seq=9))
    assert first.stats.scene_change
    assert first.stats.used is Used.FROZEN


def test_a_state_that_is_saved_during_a_lesson_is_that_before_it(passing: None) -> None:
    teacher, _ = pair()
    before = teacher.dump()
    lesson = teacher.learn(frame(STREAM[0], seq=1))
    for _ in range(3):
        next(lesson)
    assert teacher.dump() == before
    whole(lesson)
    assert teacher.dump() != before


def test_what_a_frame_will_take_is_measured_with_a_thread_of_its_own_too() -> None:
    measured = whole(estimate(IS_TAUGHT, torch.device("cpu"), weights=WEIGHTS))
    assert measured.upscale_megapixel > 0.0
