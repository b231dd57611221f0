from __future__ import annotations

from typing import Any

import pytest

from srstream.frames import AdaptStats, Outcome
from srstream.runtime.counters import Counters


def _stats(outcome: Outcome, **known: Any) -> AdaptStats:
    return AdaptStats(outcome, 2, net="n", preset="p", device="cpu", **known)


def test_failures_of_every_kind_count_as_finished() -> None:
    counters = Counters(done=3)
    counters.failed["DecodeError"] += 2
    counters.failed["SinkError"] += 1
    assert counters.finished == 6


@pytest.mark.parametrize("outcome", Outcome)
def test_frames_whose_adaptation_was_used_are_counted(outcome: Outcome) -> None:
    counters = Counters()
    counters.note(_stats(outcome))
    used = outcome in (Outcome.ADAPTED, Outcome.CONVERGED, Outcome.RESET)
    assert counters.kept == used


def test_gains_are_added_up_where_they_are_known() -> None:
    counters = Counters()
    counters.note(
        _stats(Outcome.ADAPTED, heldout_psnr_after=31.5, heldout_psnr_bicubic=30.0)
    )
    counters.note(_stats(Outcome.SKIPPED, heldout_psnr_bicubic=30.0))
    counters.note(_stats(Outcome.FALLBACK))
    assert (counters.gains, counters.gain) == (1, 1.5)


def test_the_gain_over_bicubic_is_that_of_the_weights_in_use() -> None:
    """And not of those that learnt, which may never be used."""
    counters = Counters()
    counters.note(
        _stats(
            Outcome.PENDING,
            heldout_psnr_after=33.0,
            heldout_psnr_bicubic=30.0,
            heldout_psnr_frozen=31.0,
            heldout_gain=0.5,
        )
    )
    assert (counters.gains, counters.gain) == (1, 1.5)


def test_gains_over_the_initial_weights_steps_late_frames_and_faults_are_counted() -> None:
    counters = Counters()
    counters.note(_stats(Outcome.ADAPTED, heldout_gain=0.25, steps=3))
    counters.note(_stats(Outcome.SKIPPED, heldout_gain=0.0, deadline_missed=True))
    counters.note(_stats(Outcome.ROLLED_BACK, steps=1, fault="out of memory"))
    assert (counters.judged, counters.over_initial) == (2, 0.25)
    assert (counters.learnt, counters.late, counters.faults) == (2, 1, 1)


def test_what_a_feed_dropped_is_off_our_hands() -> None:
    assert Counters(done=3, dropped=2).finished == 5


def test_the_counts_of_several_are_added_and_stand_still_since_the_first() -> None:
    one, other = Counters(done=3, gain=1.5, gains=1), Counters(done=1, stalled_since=7.0)
    one.failed["Refused"] += 2
    other.failed["Refused"] += 1
    total = Counters.sum([one, other, Counters(stalled_since=9.0)])
    assert (total.done, total.failed, total.gain) == (4, {"Refused": 3}, 1.5)
    assert total.stalled_since == 7.0
    assert one.failed == {"Refused": 2}
    assert Counters.sum([]) == Counters()
