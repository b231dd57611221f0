"""Sessions that hold a frame rate, by a clock that the work itself moves."""

from __future__ import annotations

import dataclasses
from itertools import chain, repeat

import numpy as np
import pytest

from exams import ALIKE, BETTER, GivenMarks
from fakes import FakeClock
from pictures import edges, frame
from srstream.engine import AdaptOptions, Session, SessionOptions
from srstream.engine.losses import L1Options
from srstream.engine.nets import LrResidualOptions
from srstream.engine.state import unpack
from srstream.frames import AdaptStats, Outcome, Upscaled, Used
from trained import lr_weights

WEIGHTS = lr_weights(LrResidualOptions(width=4, depth=2))
OPTIONS = SessionOptions(
    net=None,
    weights="drawn",
    loss=L1Options(),
    adapt=AdaptOptions(
        steps=10,
        batch=1,
        crop=24,
        pairs=None,
        rate=0.003,
        milestones=(),
        carry_moments=True,
        judge="cautious",
        target_fps=10.0,
    ),
)
ENLARGING, STEP = 0.04, 0.01


class Timed:
    """A session whose steps and enlargements take as long as is said."""

    def __init__(self, *, enlarging: float = ENLARGING, **adapt: object) -> None:
        self.clock = FakeClock(100.0)
        changed = dataclasses.replace(OPTIONS.adapt, **adapt)  # type: ignore[arg-type]
        self.session = Session(
            dataclasses.replace(OPTIONS, adapt=changed), weights=WEIGHTS, clock=self.clock
        )
        self.enlarging, self.step_takes = enlarging, STEP
        step = self.session._carried.adapter._step
        enlarge = self.session._upscaler.enlarge

        def slow_step(*args: object) -> object:
            self.clock.advance(self.step_takes)
            return step(*args)  # type: ignore[arg-type]

        def slow_enlarge(*args: object) -> object:
            self.clock.advance(self.enlarging)
            return enlarge(*args)  # type: ignore[arg-type]

        self.session._carried.adapter._step = slow_step  # type: ignore[assignment,method-assign]
        self.session._upscaler.enlarge = slow_enlarge  # type: ignore[assignment,method-assign]

    def result(self, shift: int = 0, *, wait: float = 1.0) -> Upscaled:
        """Step after a wait: none means that the frame had to wait itself."""
        self.clock.advance(wait)
        return self.session.step(frame(edges(64, 80, shift=shift)))

    def step(self, shift: int = 0, *, wait: float = 1.0) -> AdaptStats:
        return self.result(shift, wait=wait).stats


def test_the_first_frame_is_not_adapted_to_as_nothing_was_measured() -> None:
    timed = Timed()
    GivenMarks(timed.session, learnt=ALIKE)
    stats = timed.step()
    assert (stats.outcome, stats.steps, stats.used) == (Outcome.SKIPPED, 0, Used.FROZEN)
    assert timed.step(1).steps > 0


def test_steps_are_cut_when_time_is_short_and_what_was_learnt_is_kept() -> None:
    timed = Timed()
    GivenMarks(timed.session, learnt=ALIKE)
    timed.step()
    stats = timed.step(1)
    # 0.1 s, less 0.015 of reserve and 0.04 for enlarging: four steps and no fifth.
    assert stats.steps == 4
    assert stats.outcome is Outcome.PENDING
    assert not stats.deadline_missed
    assert stats.adapt_ms == pytest.approx(40.0)
    assert timed.session._carried.progress.steps == 4


def test_an_exam_for_which_there_was_no_time_is_made_up_on_the_next_frame() -> None:
    timed = Timed()
    exam = GivenMarks(timed.session, learnt=chain([BETTER], repeat(ALIKE)))
    timed.step()
    assert timed.step(1).steps == 4
    assert exam.held == 0
    result = timed.result(2)
    assert exam.held == 1
    assert (result.stats.outcome, result.stats.used)[1] is Used.ADAPTED
    assert result.stats.heldout_gain == pytest.approx(10 * np.log10(2.0))


def test_a_rate_is_held_over_many_frames_that_wait() -> None:
    timed = Timed()
    GivenMarks(timed.session, learnt=ALIKE)
    timed.step()
    began, steps = timed.clock.now, 0
    for shift in range(1, 31):
        stats = timed.step(shift, wait=0.0)
        steps += stats.steps
        assert not stats.deadline_missed
    assert timed.clock.now - began <= 30 * 0.1 + 0.1
    assert steps > 0


def test_where_enlarging_alone_takes_too_long_no_step_is_taken_and_frames_are_late() -> (
    None
):
    timed = Timed(enlarging=0.15)
    GivenMarks(timed.session, learnt=ALIKE)
    seen = [timed.step(shift, wait=0.0) for shift in range(5)]
    assert [stats.steps for stats in seen] == [0] * 5
    assert [stats.deadline_missed for stats in seen] == [True] * 5
    assert {stats.outcome for stats in seen} == {Outcome.SKIPPED}


def test_without_a_rate_no_frame_is_late() -> None:
    timed = Timed(enlarging=5.0, target_fps=None)
    GivenMarks(timed.session, learnt=ALIKE)
    stats = timed.step()
    assert (stats.deadline_missed, stats.steps) == (False, 20)


def test_a_cut_without_time_to_learn_is_enlarged_with_the_initial_weights() -> None:
    timed = Timed()
    GivenMarks(timed.session, learnt=chain([BETTER], repeat(ALIKE)))
    for shift in range(3):
        timed.step(shift)
    assert timed.session._carried.progress.used is Used.CARRIED
    timed.enlarging = 0.2
    timed.step(3)
    timed.clock.advance(1.0)
    result = timed.session.step(frame(255 - edges(64, 80)))
    frozen = Timed(mode="frozen").session.step(frame(255 - edges(64, 80)))
    assert (result.stats.steps, result.stats.used) == (0, Used.FROZEN)
    assert result.stats.scene_change
    assert np.array_equal(result.pixels, frozen.pixels)


def test_moments_are_left_behind_when_steps_are_cut_where_none_are_carried() -> None:
    timed = Timed(carry_moments=False)
    GivenMarks(timed.session, learnt=ALIKE)
    timed.step()
    assert timed.step(1).steps == 4
    arrays, _ = unpack(timed.session.dump())
    assert not [name for name in arrays if name.startswith("moment/")]


def test_weights_that_broke_when_steps_were_cut_are_taken_back() -> None:
    timed = Timed()
    timed.step()
    adapter = timed.session._carried.adapter
    loss = adapter._loss
    adapter._loss = lambda difference: loss(difference) * float("nan")
    timed.step(1)
    timed.session.load(timed.session.dump())  # nothing in it is refused
