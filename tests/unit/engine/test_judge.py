from __future__ import annotations

import math

import pytest

from srstream.engine.judge import carried_are_unusable, made_it_worse


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
