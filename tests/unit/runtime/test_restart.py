from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.runtime.restart import Restart


def _failures(*, run: float, times: int) -> list[float | None]:
    """Fail as often after runs of this length, each begun when the delay was over."""
    restart, now, delays = Restart(), 1000.0, []
    for _ in range(times):
        restart.begun(now)
        now += run
        delay = restart.failed(now)
        delays.append(delay)
        if delay is None:
            break
        now += delay
    return delays


def test_delays_double_and_the_fifth_failure_within_a_minute_is_the_last() -> None:
    assert _failures(run=0.0, times=9) == [1.0, 2.0, 4.0, 8.0, None]


def test_failures_that_are_farther_apart_are_waited_for_30_seconds_at_most() -> None:
    assert _failures(run=20.0, times=7) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_it_goes_on_for_years() -> None:
    assert set(_failures(run=20.0, times=3000)[6:]) == {30.0}


def test_a_run_of_more_than_a_minute_makes_good_for_what_was_before() -> None:
    assert _failures(run=60.5, times=4) == [1.0, 1.0, 1.0, 1.0]
    assert _failures(run=60.0, times=4) == [1.0, 2.0, 4.0, 8.0]


def test_a_try_that_gets_no_farther_than_being_made_does_not_count_as_a_long_run() -> None:
    restart = Restart()
    restart.begun(0.0)
    assert restart.failed(500.0) == 1.0
    restart.begun(501.0)
    assert restart.failed(501.0) == 2.0


def test_it_tells_how_many_failures_there_were_in_the_last_minute() -> None:
    restart = Restart()
    for now, expected in ((0.0, 1), (30.0, 2), (60.0, 3), (91.0, 2), (500.0, 1)):
        restart.begun(now)
        restart.failed(now)
        assert restart.recent == expected


@given(runs=st.lists(st.floats(0.0, 100.0), min_size=1, max_size=60))
def test_it_gives_up_exactly_when_five_failures_fall_within_a_minute(
    runs: list[float],
) -> None:
    restart, now, failures = Restart(), 0.0, []
    for run in runs:
        restart.begun(now)
        now += run
        failures.append(now)
        delay = restart.failed(now)
        within = sum(now - time <= 60.0 for time in failures)
        assert (delay is None) == (within >= 5)
        if delay is None:
            break
        assert 1.0 <= delay <= 30.0
        now += delay


@pytest.mark.parametrize("first", [0.0, 1e9])
def test_the_clock_may_begin_anywhere(first: float) -> None:
    restart = Restart()
    restart.begun(first)
    assert restart.failed(first) == 1.0
