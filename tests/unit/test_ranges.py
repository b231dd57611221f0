from __future__ import annotations

import math

import pytest

from srstream.ranges import check_within


@pytest.mark.parametrize("value", [1, 5, 9])
def test_both_ends_are_allowed(value: int) -> None:
    check_within("compression", value, 1, 9)


@pytest.mark.parametrize("value", [0, 10, math.nan])
def test_what_is_outside_is_refused_with_name_and_range(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^compression is {value}; allowed: 1 to 9$"):
        check_within("compression", value, 1, 9)
