"""When frames are due, and what is done until then: pure, so the clock is a number."""

from __future__ import annotations

import pytest

from srstream.engine.deadline import RESERVE, Deadline

PIXELS = 1000
PERIOD = 0.1


def known(*, enlarging: float = 0.02) -> Deadline:
    """One that knows what enlarging takes; its first frame is ready at 0."""
    deadline = Deadline(1.0 / PERIOD)
    deadline.begin(-enlarging)
    deadline.finish(0.0, PIXELS, enlarging)
    return deadline


def test_before_the_first_measurement_there_is_no_time_for_adaptation() -> None:
    deadline = Deadline(0.01)
    deadline.begin(0.0)
    assert not deadline.leaves_time(0.0, PIXELS)
    assert deadline.finish(0.5, PIXELS, 0.5) is False
    deadline.begin(100.0)
    assert deadline.leaves_time(100.0, PIXELS)


def test_an_idle_frame_gets_a_whole_period_less_what_is_reserved() -> None:
    deadline = known(enlarging=0.02)
    deadline.begin(7.0)
    last = 7.0 + PERIOD * (1 - RESERVE) - 0.02
    assert deadline.leaves_time(last - 1e-6, PIXELS)
    assert not deadline.leaves_time(last + 1e-6, PIXELS)
    assert deadline.finish(7.0 + PERIOD - 1e-6, PIXELS, 0.02) is False


def test_a_larger_frame_leaves_less_time_in_proportion() -> None:
    deadline = known(enlarging=0.02)
    deadline.begin(7.0)
    last = 7.0 + PERIOD * (1 - RESERVE) - 3 * 0.02
    assert deadline.leaves_time(last - 1e-6, 3 * PIXELS)
    assert not deadline.leaves_time(last + 1e-6, 3 * PIXELS)


def test_a_unit_is_begun_only_if_it_will_be_over_in_time() -> None:
    deadline = known(enlarging=0.02)
    deadline.begin(7.0)
    deadline.unit_took(0.03)
    last = 7.0 + PERIOD * (1 - RESERVE) - 0.02 - 0.03
    assert deadline.leaves_time(last - 1e-6, PIXELS)
    assert not deadline.leaves_time(last + 1e-6, PIXELS)


def test_estimates_go_up_at_once_and_come_down_slowly() -> None:
    deadline = known(enlarging=0.02)
    for _ in range(2):
        deadline.begin(7.0)
        deadline.finish(7.06, PIXELS, 0.06)
    deadline.begin(8.0)
    deadline.finish(8.01, PIXELS, 0.01)  # 0.06 comes down by a tenth of the difference
    deadline.begin(9.0)
    last = 9.0 + PERIOD * (1 - RESERVE) - 0.055
    assert deadline.leaves_time(last - 1e-6, PIXELS)
    assert not deadline.leaves_time(last + 1e-6, PIXELS)


def test_a_frame_that_is_late_is_told_and_no_other() -> None:
    deadline = known()
    deadline.begin(7.0)
    assert deadline.finish(7.0 + PERIOD + 1e-6, PIXELS, 0.02) is True
    deadline.begin(8.0)
    assert deadline.finish(8.0 + PERIOD - 1e-6, PIXELS, 0.02) is False


def run(*, enlarging: float, unit: float, frames: int) -> tuple[float, list[int]]:
    """Frames that always wait: seconds until the last is ready, and units done of each."""
    deadline, now, done = known(enlarging=enlarging), 0.0, []
    for _ in range(frames):
        deadline.begin(now)
        units = 0
        while deadline.leaves_time(now, PIXELS) and units < 1000:
            now += unit
            deadline.unit_took(unit)
            units += 1
        now += enlarging
        deadline.finish(now, PIXELS, enlarging)
        done.append(units)
    return now, done


@pytest.mark.parametrize("enlarging", [0.01, 0.04, 0.07])
@pytest.mark.parametrize("unit", [0.002, 0.01])
def test_the_rate_is_held_and_the_rest_of_the_time_is_used(
    enlarging: float, unit: float
) -> None:
    seconds, units = run(enlarging=enlarging, unit=unit, frames=50)
    assert seconds + enlarging <= (1 + 50) * PERIOD  # with the one that was measured on
    spare = PERIOD * (1 - RESERVE) - enlarging - 2 * unit
    assert min(units[1:]) >= int(spare / unit)


def test_adaptation_is_given_up_before_frames_are() -> None:
    """Enlarging alone takes longer than a period: nothing else is done any more."""
    seconds, units = run(enlarging=0.15, unit=0.01, frames=20)
    assert units == [0] * 20
    assert seconds == pytest.approx(20 * 0.15)


def test_what_a_late_frame_took_too_long_is_taken_out_of_the_next_ones_time() -> None:
    deadline = known(enlarging=0.02)
    deadline.begin(7.0)
    assert deadline.finish(7.13, PIXELS, 0.02) is True
    deadline.begin(7.13)  # due at 7.19: neither a period after it began nor after 7.1
    last = 7.19 - PERIOD * RESERVE - 0.02
    assert deadline.leaves_time(last - 1e-6, PIXELS)
    assert not deadline.leaves_time(last + 1e-6, PIXELS)
    assert deadline.finish(7.189, PIXELS, 0.02) is False


def test_what_is_later_than_a_period_is_given_up() -> None:
    """After a halt of a second the frames that follow do not owe ten periods."""
    deadline = known(enlarging=0.02)
    deadline.begin(7.0)
    assert deadline.finish(8.0, PIXELS, 0.02) is True
    deadline.begin(8.0)  # due at once: adaptation is left out for one frame
    assert not deadline.leaves_time(8.0, PIXELS)
    assert deadline.finish(8.02, PIXELS, 0.02) is True
    deadline.begin(8.02)
    assert deadline.leaves_time(8.02, PIXELS)
    assert deadline.finish(8.09, PIXELS, 0.02) is False


def test_one_slow_unit_does_not_end_adaptation_for_ever() -> None:
    deadline = known(enlarging=0.02)
    deadline.begin(1.0)
    deadline.unit_took(10 * PERIOD)
    deadline.finish(1.0 + 10 * PERIOD, PIXELS, 0.02)
    for number in range(100):
        begun = 10.0 + number
        deadline.begin(begun)
        if deadline.leaves_time(begun, PIXELS):
            break
        deadline.finish(begun + 0.02, PIXELS, 0.02)
    assert 0 < number < 50


def test_frames_that_were_not_enlarged_tell_nothing_of_what_enlarging_takes() -> None:
    deadline = known(enlarging=0.08)
    for number in range(60):
        deadline.begin(1.0 + number)
        deadline.finish(1.0 + number, PIXELS, None)
    deadline.begin(100.0)
    assert not deadline.leaves_time(100.0 + 0.01, PIXELS)
