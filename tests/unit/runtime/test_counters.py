from __future__ import annotations

import pytest

from srstream.frames import AdaptStats, Outcome
from srstream.runtime.counters import Counters


def _stats(outcome: Outcome, **known: float) -> AdaptStats:
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


@pytest.mark.parametrize(
    ("outcome", "worth"),
    [(Outcome.ADAPTED, 1.5), (Outcome.CONVERGED, 1.5), (Outcome.ROLLED_BACK, 0.0)],
)
def test_what_adapting_was_worth_is_added_up(outcome: Outcome, worth: float) -> None:
    counters = Counters()
    counters.note(_stats(outcome, heldout_psnr_before=30.0, heldout_psnr_after=31.5))
    counters.note(_stats(Outcome.SKIPPED, heldout_psnr_before=30.0))
    assert (counters.adaptations, counters.adaptation_gain) == (1, worth)


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
