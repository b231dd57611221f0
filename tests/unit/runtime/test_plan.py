from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from srstream.runtime.plan import Plan, plan

streams = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2))


def test_every_stream_has_its_place_in_the_order_of_what_is_wanted() -> None:
    present = {"same": 1, "other": 1, "gone": 1, "down": 1}
    wanted = {"new": 1, "down": 1, "other": 2, "same": 1}
    assert plan(present, wanted, idle={"down"}) == Plan(
        start=("new", "down"), replace=("other",), stop=("gone",), keep=("same",)
    )


def test_the_log_is_told_how_many() -> None:
    counts = plan({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "d": 1, "e": 1}).counts()
    assert counts == {"started": 2, "replaced": 1, "stopped": 1, "kept": 1}


@given(present=streams, wanted=streams, idle=st.sets(st.sampled_from("abcdef")))
def test_applying_it_yields_what_is_wanted_and_all_of_it_runs(
    present: dict[str, int], wanted: dict[str, int], idle: set[str]
) -> None:
    running = {name: spec for name, spec in present.items() if name not in idle}
    done = plan(present, wanted, idle=idle)
    for name in (*done.stop, *done.replace):
        running.pop(name, None)
    for name in (*done.start, *done.replace):
        assert name not in running, "it would run twice"
        running[name] = wanted[name]
    assert running == wanted


@given(present=streams, wanted=streams, idle=st.sets(st.sampled_from("abcdef")))
def test_each_stream_stands_in_one_place_and_only_idle_ones_that_did_not_change_start_again(
    present: dict[str, int], wanted: dict[str, int], idle: set[str]
) -> None:
    done = plan(present, wanted, idle=idle)
    named = [*done.start, *done.replace, *done.stop, *done.keep]
    assert sorted(named) == sorted(present.keys() | wanted.keys())
    untouched = {n for n in present if present[n] == wanted.get(n) and n not in idle}
    assert set(done.keep) == untouched
