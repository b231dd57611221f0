from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.runtime.pace import Outrun, Pace

STEP = 5.0
"""Seconds between two looks."""


def _run(
    arrived: Callable[[float], float],
    finished: Callable[[float], float],
    seconds: float,
) -> list[tuple[float, Outrun]]:
    """Look at two totals, given as functions of time, and return the warnings."""
    pace, warnings = Pace(), []
    for look in range(int(seconds / STEP) + 1):
        now = look * STEP
        came, went = int(arrived(now)), int(finished(now))
        outrun = pace.look(now, arrived=came, finished=went, backlog=came - went)
        if outrun is not None:
            warnings.append((now, outrun))
    return warnings


def test_a_source_that_outruns_its_stream_is_noticed() -> None:
    (time, outrun), *_ = _run(lambda t: 4.0 * t, lambda t: 0.5 * t, 60)
    assert time <= 60
    assert outrun.arriving == pytest.approx(4.0, rel=0.05)
    assert outrun.finishing == pytest.approx(0.5, rel=0.25)
    assert outrun.backlog == pytest.approx(3.5 * time, abs=2)


def test_it_is_noticed_too_when_not_one_frame_is_ready_yet() -> None:
    assert _run(lambda t: 1.0 * t, lambda t: 0.0, 60)


def test_a_slow_source_that_outruns_its_stream_is_noticed_within_the_hour() -> None:
    assert _run(lambda t: t / 40, lambda t: t / 60, 3600)


def test_nothing_is_warned_of_twice_within_five_minutes() -> None:
    times = [time for time, _ in _run(lambda t: 4.0 * t, lambda t: 0.5 * t, 1000)]
    assert len(times) == 4
    assert all(b - a >= 300 for a, b in pairwise(times))


@given(rate=st.floats(0.01, 50.0), lag=st.integers(0, 3))
def test_a_stream_that_keeps_up_is_never_warned_of(rate: float, lag: int) -> None:
    assert not _run(lambda t: rate * t, lambda t: max(0.0, rate * t - lag), 900)


@given(size=st.integers(1, 500), start=st.floats(0, 120), speed=st.floats(0.1, 10))
def test_a_burst_that_is_worked_off_is_never_warned_of(
    size: int, start: float, speed: float
) -> None:
    def arrived(now: float) -> float:
        return size if now >= start else 0

    def finished(now: float) -> float:
        return min(size, max(0.0, (now - start) * speed))

    assert not _run(arrived, finished, 900)


def test_work_on_what_was_there_at_the_start_is_not_warned_of() -> None:
    assert not _run(lambda t: 0.0, lambda t: 0.1 * t, 3600)
