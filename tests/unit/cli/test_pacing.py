from __future__ import annotations

import pytest

from srstream.cli.pacing import Pace


class Clock:
    """Sleeps by so much longer than it was asked to."""

    def __init__(self, pace: Pace, late: float = 0.0) -> None:
        self.now = 100.0
        self._pace = pace
        self._late = late

    def frame(self, work: float = 0.0) -> float:
        """Wait for a frame's turn; return when it was, and then work on it."""
        wait = self._pace.wait(self.now)
        self.now += wait + (self._late if wait else 0.0)
        at = self.now - 100.0
        self.now += work
        return at


def test_without_a_rate_each_frame_is_due_at_once() -> None:
    clock = Clock(Pace(None))
    assert [clock.frame(work=0.5) for _ in range(3)] == [0.0, 0.5, 1.0]


def test_frames_come_at_multiples_of_the_period() -> None:
    clock = Clock(Pace(4.0))
    assert [clock.frame(work=0.1) for _ in range(4)] == pytest.approx([0, 0.25, 0.5, 0.75])


def test_sleeping_too_long_each_time_adds_up_to_nothing() -> None:
    clock = Clock(Pace(10.0), late=0.03)
    times = [clock.frame(work=0.01) for _ in range(1001)]
    assert times[-1] == pytest.approx(100.03)


def test_a_frame_that_is_a_little_late_does_not_move_the_next() -> None:
    clock = Clock(Pace(10.0))
    clock.frame(work=0.15)
    assert [clock.frame(), clock.frame()] == pytest.approx([0.15, 0.2])


def test_time_that_was_lost_is_not_made_up_for_by_a_burst() -> None:
    clock = Clock(Pace(10.0))
    clock.frame(work=1.0)
    assert [clock.frame() for _ in range(3)] == pytest.approx([1.0, 1.1, 1.2])


def test_who_takes_a_whole_period_longer_each_time_gets_each_frame_at_once() -> None:
    clock = Clock(Pace(10.0))
    assert [clock.frame(work=0.2) for _ in range(3)] == pytest.approx([0.0, 0.2, 0.4])
