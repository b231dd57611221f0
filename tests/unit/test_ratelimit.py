from __future__ import annotations

from fakes import FakeClock
from srstream.ratelimit import RateLimit


def test_the_first_is_said_at_once_and_then_one_line_in_ten_seconds() -> None:
    clock = FakeClock()
    limit = RateLimit(clock)
    said = []
    for second in range(25):
        clock.now = float(second)
        said.append(limit.count("x"))
    assert [(n, s) for n, s in enumerate(said) if s] == [(0, 1), (10, 10), (20, 10)]


def test_of_each_kind_apart() -> None:
    limit = RateLimit(FakeClock())
    assert [limit.count(about) for about in "xxyx"] == [1, 0, 1, 0]


def test_some_may_follow_each_other_at_once() -> None:
    clock = FakeClock()
    limit = RateLimit(clock, at_once=3)
    assert [limit.count("x") for _ in range(5)] == [1, 1, 1, 0, 0]
    clock.advance(10.0)
    assert [limit.count("x") for _ in range(2)] == [3, 0]
    clock.advance(1000.0)
    assert [limit.count("x") for _ in range(4)] == [2, 1, 1, 0]
