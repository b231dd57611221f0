"""The cautious judge: which weights are in use, and what becomes of others."""

from __future__ import annotations

import dataclasses
from itertools import chain, repeat

import numpy as np
import pytest
import torch

from exams import ALIKE, BETTER, BROKEN, WORSE, GivenMarks, weights_of
from pictures import edges, frame, zone_plate
from srstream.engine import AdaptOptions, Session, SessionOptions
from srstream.engine.cautious import AT_A_CUT, LONGEST_PAUSE, PATIENCE, PAUSE
from srstream.engine.losses import L1Options
from srstream.engine.nets import LrResidualOptions
from srstream.engine.state import unpack
from srstream.frames import Outcome, Pixels, Upscaled, Used
from trained import lr_weights

STEPS = 2
WEIGHTS = lr_weights(LrResidualOptions(width=4, depth=2))
OPTIONS = SessionOptions(
    net=None,
    weights="drawn",
    loss=L1Options(),
    adapt=AdaptOptions(
        steps=STEPS,
        batch=1,
        crop=24,
        pairs=None,
        rate=0.01,
        milestones=(),
        carry_moments=True,
        judge="cautious",
    ),
)


def make(**adapt: object) -> Session:
    changed = dataclasses.replace(OPTIONS.adapt, **adapt)  # type: ignore[arg-type]
    return Session(dataclasses.replace(OPTIONS, adapt=changed), weights=WEIGHTS)


def scene(number: int = 0, *, shift: int = 0) -> Pixels:
    """Frames of a scene are alike, and those of two scenes are not."""
    pixels = edges(64, 80, shift=shift)
    return pixels if number == 0 else (255 - pixels if number == 1 else zone_plate(64, 80))


def step(session: Session, number: int = 0, *, shift: int = 0) -> Upscaled:
    return session.step(frame(scene(number, shift=shift)))


def frozen(pixels: Pixels, state: bytes | None = None) -> Pixels:
    """Return the enlargement by the initial weights, or by those in use in a state."""
    session = make(mode="frozen")
    if state is not None:
        session.load(state)
    return session.step(frame(pixels)).pixels


def test_a_challenger_that_passes_is_used_on_that_very_frame() -> None:
    session = make()
    GivenMarks(session, learnt=BETTER)
    result = step(session)
    stats = result.stats
    assert (stats.outcome, stats.used) == (Outcome.ADAPTED, Used.ADAPTED)
    learnt, in_use, initial = weights_of(session)
    assert torch.equal(learnt, in_use)
    assert not torch.equal(in_use, initial)
    assert np.array_equal(result.pixels, frozen(scene(), session.dump()))
    assert not np.array_equal(result.pixels, frozen(scene()))
    # Half of the error is 3.01 dB, by definition.
    assert stats.heldout_gain == pytest.approx(10 * np.log10(2.0))
    assert stats.heldout_psnr_frozen == pytest.approx(20.0)
    assert stats.weight_change == pytest.approx(
        float((in_use - initial).norm() / initial.norm())
    )


def test_what_passed_is_in_use_on_the_frames_that_follow() -> None:
    session = make()
    GivenMarks(session, learnt=chain([BETTER], repeat(ALIKE)))
    step(session)
    _, kept, _ = weights_of(session)
    state = session.dump()
    for shift in (1, 2):
        result = step(session, shift=shift)
        assert (result.stats.outcome, result.stats.used) == (Outcome.PENDING, Used.CARRIED)
        assert torch.equal(weights_of(session)[1], kept)
        assert np.array_equal(result.pixels, frozen(scene(shift=shift), state))


def test_an_undecided_challenger_is_not_used_and_goes_on_learning() -> None:
    session = make()
    GivenMarks(session, learnt=ALIKE)
    before = weights_of(session)[0]
    for number in range(1, PATIENCE):
        result = step(session, shift=number)
        stats = result.stats
        assert (stats.outcome, stats.used) == (Outcome.PENDING, Used.FROZEN)
        assert (stats.heldout_gain, stats.weight_change) == (0.0, 0.0)
        assert np.array_equal(result.pixels, frozen(scene(shift=number)))
        learnt, in_use, initial = weights_of(session)
        assert torch.equal(in_use, initial)
        assert not torch.equal(learnt, before)
        before = learnt
        assert session._carried.progress.trials == number


def test_one_that_stays_undecided_has_failed_in_the_end() -> None:
    session = make()
    GivenMarks(session, learnt=ALIKE)
    outcomes = [step(session, shift=k).stats.outcome for k in range(PATIENCE)]
    assert outcomes == [Outcome.PENDING] * (PATIENCE - 1) + [Outcome.ROLLED_BACK]
    learnt, _, initial = weights_of(session)
    assert torch.equal(learnt, initial)


@pytest.mark.parametrize("mark", [WORSE, BROKEN])
def test_a_failed_challenger_is_rolled_back_with_its_moments(mark: str) -> None:
    session = make()
    GivenMarks(session, learnt=chain([BETTER], repeat(mark)))
    step(session)
    _, kept, _ = weights_of(session)
    state = session.dump()
    result = step(session, shift=1)
    assert (result.stats.outcome, result.stats.used) == (Outcome.ROLLED_BACK, Used.CARRIED)
    learnt, in_use, _ = weights_of(session)
    assert torch.equal(learnt, kept)
    assert torch.equal(in_use, kept)
    assert not [name for name in unpack(session.dump())[0] if name.startswith("moment/")]
    assert np.array_equal(result.pixels, frozen(scene(shift=1), state))


def learns(session: Session, frames: int, *, number: int = 0) -> list[bool]:
    return [step(session, number, shift=k).stats.steps > 0 for k in range(frames)]


def test_after_each_failure_learning_pauses_twice_as_long() -> None:
    session = make()
    GivenMarks(session, learnt=WORSE)
    expected = []
    for times in (1, 2, 4):
        expected += [True] + [False] * (PAUSE * times)
    assert learns(session, len(expected)) == expected


def test_a_pause_is_never_longer_than_the_longest() -> None:
    session = make()
    GivenMarks(session, learnt=WORSE)
    step(session)
    session._carried.progress = session._carried.progress.but(pause=0, patience=30)
    step(session, shift=1)
    assert session._carried.progress.pause == LONGEST_PAUSE


def test_a_pause_ends_at_a_cut() -> None:
    session = make()
    GivenMarks(session, learnt=WORSE)
    assert learns(session, 3) == [True, False, False]
    result = step(session, 1)
    assert result.stats.scene_change
    assert result.stats.steps > 0
    assert learns(session, PAUSE, number=1) == [False] * PAUSE  # not twice as long
    assert learns(session, 1, number=1) == [True]


def test_frames_that_are_paused_say_so_and_hold_no_exam() -> None:
    session = make()
    exam = GivenMarks(session, learnt=WORSE)
    step(session)
    result = step(session, shift=1)
    assert (result.stats.outcome, result.stats.steps) == (Outcome.SKIPPED, 0)
    assert exam.held == 1


def test_what_is_in_use_and_does_not_hold_is_replaced_by_the_initial_weights() -> None:
    session = make()
    exam = GivenMarks(session, learnt=chain([BETTER], repeat(ALIKE)))
    step(session)
    exam.in_use = WORSE
    result = step(session, shift=1)
    stats = result.stats
    assert (stats.outcome, stats.used) == (Outcome.RESET, Used.FROZEN)
    assert stats.heldout_gain == 0.0
    learnt, in_use, initial = weights_of(session)
    assert torch.equal(learnt, initial)
    assert torch.equal(in_use, initial)
    assert np.array_equal(result.pixels, frozen(scene(shift=1)))
    assert (session._carried.frames, session._carried.steps) == (0, 0)


def test_a_challenger_is_not_used_if_what_is_in_use_is_better_still() -> None:
    """Against the initial weights it passes, with half of the error; against others not."""
    session = make()
    exam = GivenMarks(session, learnt=BETTER)
    step(session)
    kept = weights_of(session)[1]
    exam.in_use = "much better"
    assert step(session, shift=1).stats.outcome is Outcome.PENDING
    assert torch.equal(weights_of(session)[1], kept)


@pytest.mark.parametrize("mark", [ALIKE, WORSE, BROKEN])
def test_at_a_cut_the_initial_weights_are_in_use_unless_the_carried_ones_pass(
    mark: str,
) -> None:
    session = make()
    GivenMarks(session, learnt=chain([BETTER, mark], repeat(ALIKE)))
    step(session)
    result = step(session, 1)
    assert result.stats.scene_change
    assert result.stats.used is Used.FROZEN
    assert result.stats.heldout_gain == 0.0
    assert np.array_equal(result.pixels, frozen(scene(1)))


def test_at_a_cut_carried_weights_that_pass_stay_in_use_and_are_learnt_on() -> None:
    session = make()
    GivenMarks(session, learnt=chain([BETTER, BETTER], repeat(ALIKE)))
    step(session)
    state, kept = session.dump(), weights_of(session)[1]
    result = step(session, 1)
    stats = result.stats
    assert (stats.scene_change, stats.used) == (True, Used.CARRIED)
    assert stats.heldout_gain == pytest.approx(10 * np.log10(2.0))
    learnt, in_use, _ = weights_of(session)
    assert torch.equal(in_use, kept)
    assert not torch.equal(learnt, kept)
    assert np.array_equal(result.pixels, frozen(scene(1), state))


def come_back(session: Session) -> Upscaled:
    """A scene that was learnt, another that its weights are bad for, the first."""
    GivenMarks(session, learnt=chain([BETTER, WORSE, ALIKE, BETTER], repeat(ALIKE)))
    step(session)
    assert step(session, 1).stats.used is Used.FROZEN
    return step(session)


def test_a_scene_that_comes_back_gets_the_weights_it_was_left_with() -> None:
    session, alone = make(), make()
    GivenMarks(alone, learnt=BETTER)
    step(alone)
    result = come_back(session)
    stats = result.stats
    assert (stats.scene_change, stats.used) == (True, Used.CACHED)
    assert stats.heldout_gain == pytest.approx(10 * np.log10(2.0))
    assert torch.equal(weights_of(session)[1], weights_of(alone)[1])
    assert np.array_equal(result.pixels, frozen(scene(), alone.dump()))
    assert step(session, shift=1).stats.used is Used.CACHED


def test_a_scene_that_looks_otherwise_gets_none_of_them() -> None:
    session = make()
    exam = GivenMarks(session, learnt=chain([BETTER, WORSE], repeat(ALIKE)))
    step(session)
    step(session, 1)
    exam.learnt = repeat(ALIKE)
    assert step(session, 2).stats.used is Used.FROZEN
    assert len(session._carried.remembered) == 1


def test_where_no_scenes_are_kept_none_comes_back() -> None:
    session = make(scenes=0)
    GivenMarks(session, learnt=chain([BETTER, WORSE], repeat(ALIKE)))
    step(session)
    assert len(session._carried.remembered) == 0
    step(session, 1)
    assert step(session).stats.used is Used.FROZEN
    assert not [name for name in unpack(session.dump())[0] if name.startswith("scene/")]


def test_of_more_scenes_than_are_kept_the_oldest_is_forgotten() -> None:
    session = make(scenes=1)
    GivenMarks(session, learnt=chain([BETTER, WORSE, BETTER], repeat(ALIKE)))
    step(session)
    assert step(session, 1).stats.used is Used.ADAPTED
    assert [each.number for each in session._carried.remembered] == [1]


def test_a_frame_is_never_upscaled_with_what_frames_made_singly_were() -> None:
    session = make(mode="per-frame")
    GivenMarks(session, learnt=chain([BETTER], repeat(ALIKE)))
    assert step(session).stats.used is Used.ADAPTED
    result = step(session, shift=1)
    assert result.stats.used is Used.FROZEN
    assert np.array_equal(result.pixels, frozen(scene(shift=1)))


def test_between_keyframes_steps_add_up_and_no_exam_is_held() -> None:
    session = make(keyframe=3)
    exam = GivenMarks(session, learnt=BETTER)
    seen = [step(session, shift=k).stats for k in range(6)]
    assert [stats.outcome for stats in seen] == 2 * (
        [Outcome.PENDING] * 2 + [Outcome.ADAPTED]
    )
    assert exam.held == 2
    assert session._carried.frames == 2
    assert session._carried.steps == sum(stats.steps for stats in seen)


def test_until_the_first_exam_of_a_scene_more_steps_are_taken() -> None:
    session = make(keyframe=2)
    GivenMarks(session, learnt=ALIKE)
    steps = [step(session, shift=k).stats.steps for k in range(4)]
    assert steps == [AT_A_CUT * STEPS, AT_A_CUT * STEPS, STEPS, STEPS]
    assert step(session, 1).stats.steps == AT_A_CUT * STEPS


def test_weights_never_go_farther_than_the_radius() -> None:
    session = make(radius=0.01, rate=0.1)
    GivenMarks(session, learnt=BETTER)
    for shift in range(3):
        result = step(session, shift=shift)
        learnt, in_use, initial = (each.double().numpy() for each in weights_of(session))
        distance = np.linalg.norm(learnt - initial) / np.linalg.norm(initial)
        assert distance == pytest.approx(0.01, rel=1e-4)  # such a rate leads beyond it
        assert np.array_equal(learnt, in_use)
    assert result.stats.used is Used.ADAPTED


def test_weights_that_broke_between_exams_are_given_up_at_once() -> None:
    """So that what is saved meanwhile can be loaded."""
    session = make(keyframe=5)
    exam = GivenMarks(session, learnt=BETTER)
    step(session)
    loss = session._carried.adapter._loss
    session._carried.adapter._loss = lambda difference: loss(difference) * float("nan")
    result = step(session, shift=1)
    assert (result.stats.outcome, result.stats.used) == (Outcome.ROLLED_BACK, Used.FROZEN)
    assert exam.held == 0
    make(keyframe=5).load(session.dump())
    assert np.array_equal(result.pixels, frozen(scene(shift=1)))


def test_weights_in_use_that_cannot_enlarge_a_frame_are_given_up() -> None:
    session = make()
    GivenMarks(session, learnt=chain([BETTER], repeat(ALIKE)))
    step(session)
    session._carried.publish(torch.full_like(session._carried.initial_values, 1e38))
    result = step(session, shift=1)
    assert (result.stats.outcome, result.stats.used) == (Outcome.RESET, Used.FROZEN)
    assert np.array_equal(result.pixels, frozen(scene(shift=1)))
    assert step(session, shift=2).stats.used is Used.FROZEN


def test_weights_that_another_judge_kept_have_to_prove_themselves() -> None:
    other = make(judge="observe")
    for shift in range(2):
        step(other, shift=shift)
    kept = weights_of(other)[1]
    for mark, used in ((WORSE, Used.FROZEN), (BETTER, Used.CACHED)):
        session = make()
        session.load(other.dump())
        GivenMarks(session, learnt=chain([mark], repeat(ALIKE)))
        assert step(session, shift=1).stats.used is used
        _, in_use, initial = weights_of(session)
        assert torch.equal(in_use, kept if used is Used.CACHED else initial)
