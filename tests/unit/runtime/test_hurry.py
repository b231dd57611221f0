from __future__ import annotations

import pytest

from srstream.runtime.counters import Counters
from srstream.runtime.hurry import WINDOW, Hurried, Hurry


def look(
    hurry: Hurry, counters: Counters, *, frames: int, late: int, learnt: int
) -> object:
    """Let a minute pass in which this happens."""
    hurry.look(0.0, counters)
    counters.done += frames
    counters.late += late
    counters.learnt += learnt
    assert hurry.look(WINDOW - 0.1, counters) is None
    return hurry.look(WINDOW, counters)


def test_a_minute_without_steps_and_with_late_frames_is_told() -> None:
    assert look(Hurry(), Counters(), frames=10, late=5, learnt=0) == Hurried(10, 5)


@pytest.mark.parametrize(
    ("frames", "late", "learnt"), [(10, 10, 1), (10, 4, 0), (10, 0, 0), (0, 0, 0)]
)
def test_steps_frames_in_time_and_silence_are_not(
    frames: int, late: int, learnt: int
) -> None:
    assert look(Hurry(), Counters(), frames=frames, late=late, learnt=learnt) is None


def test_what_was_before_is_not_counted() -> None:
    counters = Counters(done=100, late=100)
    assert look(Hurry(), counters, frames=10, late=2, learnt=0) is None


def test_each_minute_is_looked_at_by_itself() -> None:
    hurry, counters, told = Hurry(), Counters(), []
    for minute in range(5):
        told.append(hurry.look(minute * WINDOW, counters))
        counters.done += 10
        counters.late += 10
        counters.learnt += minute == 2
    assert told == [None, Hurried(10, 10), Hurried(10, 10), None, Hurried(10, 10)]
