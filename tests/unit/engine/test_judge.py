from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from srstream.engine.heldout import Sheet
from srstream.engine.judge import (
    FADING,
    LOST,
    TO_ENTER,
    TO_STAY,
    Comparison,
    Gain,
    Verdict,
    carried_are_unusable,
    compare,
    made_it_worse,
)


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        (30.0, 30.1, False),
        (30.0, 30.0, False),
        (30.0, 29.9, True),
        (30.0, math.nan, True),
        (math.inf, math.inf, False),
        (math.nan, 30.0, True),
    ],
)
def test_an_adaptation_is_kept_unless_worse_or_not_finite(
    before: float, after: float, *, worse: bool
) -> None:
    assert made_it_worse(before, after) is worse


@pytest.mark.parametrize(
    ("carried", "bicubic", "unusable"),
    [
        (30.0, 30.9, False),
        (28.9, 30.0, True),
        (math.nan, 30.0, True),
        (31.0, 30.0, False),
        (46.0, 53.0, False),
        (50.0, math.inf, False),
    ],
)
def test_carried_weights_clearly_below_bicubic_are_given_up(
    carried: float, bicubic: float, *, unusable: bool
) -> None:
    assert carried_are_unusable(carried, bicubic) is unusable


DRAW = np.random.default_rng(0)
ERRORS = DRAW.uniform(0.5, 2.0, 24)
SMALLER = ERRORS * DRAW.uniform(0.7, 1.0, 24)
BELOW, BEYOND = DRAW.normal(0, 1, 40), DRAW.normal(0, 1.2, 30)


def sheet(errors: object, below: object = BELOW, beyond: object = BEYOND) -> Sheet:
    return Sheet(*(torch.tensor(np.asarray(part)) for part in (errors, below, beyond)))


def test_the_gain_is_paired_with_the_standard_error_of_the_differences() -> None:
    gain = compare(sheet(SMALLER), sheet(ERRORS)).gain
    differences = (ERRORS - SMALLER) / ERRORS.mean()
    assert gain.share == pytest.approx(differences.mean())
    standard_error = differences.std(ddof=1) / np.sqrt(len(differences))
    assert gain.surety == pytest.approx(differences.mean() / standard_error)
    # That is Student's t of the pairs; apart, as two samples, it would be less.
    apart = np.sqrt((ERRORS.var(ddof=1) + SMALLER.var(ddof=1)) / 24)
    assert gain.surety > 2 * (ERRORS - SMALLER).mean() / apart


def test_the_gain_in_decibels_is_that_of_the_mean_errors() -> None:
    gain = compare(sheet(SMALLER), sheet(ERRORS)).gain
    assert gain.decibels == pytest.approx(10 * np.log10(ERRORS.mean() / SMALLER.mean()))
    assert Gain(1.0).decibels == math.inf
    assert math.isnan(Gain(math.nan).decibels)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_agreement_is_the_smaller_cosine_with_what_would_undo_the_error() -> None:
    below = BELOW * 0.8 + DRAW.normal(0, 0.1, 40)
    beyond = BEYOND * 0.9 + DRAW.normal(0, 0.2, 30)
    found = compare(sheet(SMALLER, below, beyond), sheet(ERRORS)).agreement
    expected = cosine(below - BELOW, -BELOW), cosine(beyond - BEYOND, -BEYOND)
    assert found == pytest.approx(min(expected))


@pytest.mark.parametrize(
    ("change", "agreement"),
    [
        ([-1.0, -2.0, -2.0], 1.0),  # all of the error is undone
        ([-0.1, -0.2, -0.2], 1.0),  # some of it
        ([1.0, 2.0, 2.0], -1.0),  # it is doubled
        ([2.0, -1.0, 0.0], 0.0),  # something else is changed
        ([-1.0, 0.0, 0.0], 1.0 / 3.0),
        ([0.0, 0.0, 0.0], 0.0),  # nothing is
    ],
    ids=str,
)
def test_agreement_by_hand(change: list[float], agreement: float) -> None:
    wrong = np.array([1.0, 2.0, 2.0])
    now = wrong + np.array(change)
    found = compare(sheet(SMALLER, now, now), sheet(ERRORS, wrong, wrong)).agreement
    assert found == pytest.approx(agreement)


def test_likeness_is_the_ratio_of_the_errors_that_k_shows_at_the_two_scales() -> None:
    found = compare(sheet(SMALLER), sheet(ERRORS)).likeness_db
    ratio = (BEYOND**2).mean() / (BELOW**2).mean()
    assert found == pytest.approx(abs(10 * np.log10(ratio)))
    turned = compare(sheet(SMALLER, BEYOND, BELOW), sheet(ERRORS, BEYOND, BELOW))
    assert turned.likeness_db == pytest.approx(found)


def test_scales_of_which_one_shows_no_error_are_not_alike() -> None:
    silent = np.zeros(40)
    assert compare(sheet(SMALLER, silent), sheet(ERRORS, silent)).likeness_db == math.inf


GOOD = Comparison(Gain(0.2, 0.01), agreement=0.9, likeness_db=1.0)


def test_who_meets_all_limits_passes() -> None:
    assert GOOD.gain.surety == pytest.approx(2.0)
    assert GOOD.verdict() is Verdict.PASSED


@pytest.mark.parametrize(
    "lacking",
    [
        {"gain": Gain(0.099, 0.01)},
        {"agreement": TO_ENTER.agreement - 0.01},
        {"likeness_db": TO_ENTER.likeness_db + 0.01},
    ],
    ids=lambda lacking: next(iter(lacking)),
)
def test_who_misses_one_limit_does_not_pass_and_is_undecided(
    lacking: dict[str, object],
) -> None:
    assert replace(GOOD, **lacking).verdict() is Verdict.UNDECIDED  # type: ignore[arg-type]


def test_who_is_clearly_worse_fails_and_who_is_a_little_worse_is_undecided() -> None:
    clearly, little = (Gain(0.1 * (LOST + apart), 0.01) for apart in (-0.01, 0.01))
    assert replace(GOOD, gain=clearly).verdict() is Verdict.FAILED
    assert replace(GOOD, gain=little).verdict() is Verdict.UNDECIDED


@pytest.mark.parametrize("where", ["gain", "variance", "agreement", "likeness_db"])
def test_what_is_not_a_number_never_passes(where: str) -> None:
    changes: dict[str, object] = {where: math.nan}
    if where in ("gain", "variance"):
        changes = {"gain": Gain(math.nan, 0.01) if where == "gain" else Gain(0.2, math.nan)}
    found = replace(GOOD, **changes)  # type: ignore[arg-type]
    assert found.verdict() is not Verdict.PASSED
    assert not found.meets(TO_STAY)


@pytest.mark.parametrize("part", ["errors", "below", "beyond"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_sheet_that_is_not_finite_never_passes(part: str, value: float) -> None:
    broken = replace(sheet(ERRORS * 0.5, BELOW * 0.5, BEYOND * 0.5))
    getattr(broken, part)[3] = value
    found = compare(broken, sheet(ERRORS))
    assert found.verdict() is not Verdict.PASSED
    assert not found.meets(TO_STAY)


def test_whoever_is_in_use_stays_with_less_than_it_takes_to_get_there() -> None:
    """So that frames do not go back and forth between two sets of weights."""
    assert TO_STAY.surety < TO_ENTER.surety
    assert TO_STAY.agreement < TO_ENTER.agreement
    assert TO_STAY.likeness_db > TO_ENTER.likeness_db
    between = Comparison(
        Gain(0.0, 0.01),
        agreement=(TO_STAY.agreement + TO_ENTER.agreement) / 2,
        likeness_db=(TO_STAY.likeness_db + TO_ENTER.likeness_db) / 2,
    )
    assert between.meets(TO_STAY)
    assert not between.meets(TO_ENTER)


def test_weights_that_change_nothing_neither_pass_nor_fail() -> None:
    assert compare(sheet(ERRORS), sheet(ERRORS)).verdict() is Verdict.UNDECIDED


def test_an_error_of_nothing_cannot_be_made_smaller() -> None:
    nothing = np.zeros(24)
    found = compare(sheet(nothing), sheet(nothing))
    assert (found.gain, found.gain.surety) == (Gain(), 0.0)
    assert found.verdict() is Verdict.UNDECIDED


def test_evidence_of_several_exams_adds_up() -> None:
    """A weighted mean, by the rule for the variance of one."""
    now, before = Gain(0.3, 0.02), Gain(0.1, 0.04)
    both = now.after(before)
    weights = np.array([1.0, FADING]) / (1.0 + FADING)
    assert both.share == pytest.approx(weights @ [0.3, 0.1])
    assert both.variance == pytest.approx(weights**2 @ [0.02, 0.04])


def test_a_small_gain_that_shows_again_and_again_gets_surer() -> None:
    each = Gain(0.08, 0.01)  # 0.8 standard errors
    seen, sure = each, [each.surety]
    for _ in range(5):
        seen = each.after(seen)
        sure.append(seen.surety)
    assert seen.share == pytest.approx(0.08)
    assert sure[0] < TO_ENTER.surety < sure[1]
    assert sure[1:] == pytest.approx([sure[1]] * 5, rel=0.15)


def test_what_was_shown_before_counts_in_a_comparison() -> None:
    before = Gain(0.5, 0.001)
    alone = compare(sheet(SMALLER), sheet(ERRORS)).gain
    assert compare(sheet(SMALLER), sheet(ERRORS), before=before).gain == alone.after(before)
