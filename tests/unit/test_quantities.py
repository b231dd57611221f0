from __future__ import annotations

import pytest

from srstream.quantities import Keep, duration, keep, size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15min", 900), ("1.5h", 5400), ("7 d", 604_800)]
)
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"), [("500kB", 500_000), ("100MB", 10**8), ("0.5GB", 5 * 10**8)]
)
def test_sizes_are_powers_of_a_thousand(text: str, count: int) -> None:
    assert size(text) == count


def test_what_is_kept_is_a_time_a_size_or_a_count() -> None:
    assert keep("7d") == Keep(seconds=604_800)
    assert keep("50GB") == Keep(bytes=50 * 10**9)
    assert keep(10_000) == Keep(files=10_000)


@pytest.mark.parametrize("value", ["", "7", "7 weeks", "0d", "-1GB", "0.1B", 0, -5])
def test_anything_else_is_refused_with_what_is_allowed(value: str | int) -> None:
    with pytest.raises(ValueError, match="allowed"):
        keep(value)
