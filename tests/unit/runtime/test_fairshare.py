from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srstream.runtime.fairshare import FairShare

slices = st.floats(0.001, 5.0)


@given(lengths=st.lists(slices, min_size=2, max_size=6), turns=st.integers(10, 300))
def test_streams_that_always_have_work_get_equal_time_within_one_slice(
    lengths: list[float], turns: int
) -> None:
    share: FairShare[int] = FairShare()
    for key in range(len(lengths)):
        share.wake(key)
    worked = [0.0] * len(lengths)
    for _ in range(turns):
        key = share.pick()
        share.used(key, lengths[key])
        worked[key] += lengths[key]
    assert max(worked) - min(worked) <= max(lengths) + 1e-6


@given(
    long=st.floats(0.5, 5.0),
    short=st.floats(0.01, 0.1),
    per_frame=st.integers(1, 20),
    turns=st.integers(200, 400),
)
def test_a_moment_without_work_after_every_frame_costs_no_share(
    long: float, short: float, per_frame: int, turns: int
) -> None:
    share: FairShare[str] = FairShare()
    share.wake("long")
    share.wake("short")
    worked = {"long": 0.0, "short": 0.0}
    frames = 0
    for _ in range(turns):
        key = share.pick()
        seconds = long if key == "long" else short
        share.used(key, seconds)
        worked[key] += seconds
        if key == "short":
            frames += 1
            if frames % per_frame == 0:
                share.rest("short")
                share.wake("short")
    assert abs(worked["long"] - worked["short"]) <= long + 1e-6


@given(idle=st.floats(1.0, 1e6), length=slices)
def test_nobody_saves_time_up_by_idling(idle: float, length: float) -> None:
    share: FairShare[str] = FairShare()
    share.wake("busy")
    share.wake("idler")
    share.rest("idler")
    share.used("busy", idle)
    share.dismiss()
    share.wake("idler")
    share.used("idler", length)
    assert share.pick() == "busy"


@given(alone=st.floats(1.0, 1e6), length=slices)
def test_a_new_stream_starts_level_with_those_that_ran_before(
    alone: float, length: float
) -> None:
    share: FairShare[str] = FairShare()
    share.wake("old")
    share.used("old", alone)
    share.rest("old")
    share.wake("new")
    share.used("new", length)
    share.wake("old")
    assert share.pick() == "old"


def test_a_stream_that_used_too_much_is_not_forgiven_by_resting() -> None:
    share: FairShare[str] = FairShare()
    share.wake("greedy")
    share.wake("modest")
    share.used("greedy", 3.0)
    share.rest("greedy")
    share.dismiss()
    share.wake("greedy")
    share.used("modest", 2.9)
    assert share.pick() == "modest"


def test_among_equals_the_longest_waiting_is_next() -> None:
    share: FairShare[str] = FairShare()
    for key in "abc":
        share.wake(key)
    turns = []
    for _ in range(6):
        turns.append(share.pick())
        share.used(turns[-1], 0.0)
    assert turns == list("abcabc")


def test_what_a_resting_stream_is_owed_is_known_until_it_is_dismissed() -> None:
    share: FairShare[str] = FairShare()
    share.wake("a")
    share.wake("b")
    share.rest("b")
    share.used("a", 3.0)
    assert share.owed() == 3.0
    share.dismiss()
    assert share.owed() == 0.0


def test_without_work_there_is_nothing_to_pick() -> None:
    with pytest.raises(ValueError, match="empty"):
        FairShare[str]().pick()
