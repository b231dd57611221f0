from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.sinks.zmq_water import HighWater

MB = 1_000_000
FULL_HD = 1920 * 1080 * 3


@pytest.mark.parametrize(("budget", "messages"), [(64, 64), (1, 2), (65_536, 1000)])
def test_it_begins_with_what_suits_messages_of_a_megabyte(
    budget: int, messages: int
) -> None:
    water = HighWater(budget * MB)
    assert water.messages == messages
    assert not water.falls_for(1)
    assert not water.falls_for(MB)
    assert water.messages == messages


@pytest.mark.parametrize(
    ("nbytes", "messages"), [(FULL_HD, 10), (32 * MB, 2), (65 * MB, 2), (MB + 1, 63)]
)
def test_it_falls_to_what_the_bytes_hold(nbytes: int, messages: int) -> None:
    water = HighWater(64 * MB)
    assert water.falls_for(nbytes)
    assert water.messages == messages


def test_it_falls_with_larger_messages_and_never_rises() -> None:
    water = HighWater(64 * MB)
    sizes = (8 * MB, 7 * MB, 16 * MB, 10, 64 * MB, 99 * MB)
    marks = [(water.falls_for(nbytes), water.messages) for nbytes in sizes]
    assert marks == [(True, 8), (False, 8), (True, 4), (False, 4), (True, 2), (False, 2)]


@given(st.lists(st.integers(1, 5 * MB), min_size=1, max_size=200))
def test_whatever_comes_a_receiver_that_stopped_costs_no_more(sizes: list[int]) -> None:
    budget = 10 * MB
    water = HighWater(budget)
    waiting: list[int] = []
    for size in sizes:
        if water.falls_for(size):
            waiting.clear()  # a new socket: what waited lingers with the old one
        if len(waiting) < water.messages:
            waiting.append(size)
    assert np.sum(waiting) <= budget
