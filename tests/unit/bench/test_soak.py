from __future__ import annotations

import os

import pytest

from bench.cases import soak
from bench.cases.soak import Look, Options, Traffic, growth_of, look_at, report_of, slope_of


def looks(*, slope: float = 0.0, leak: int = 0) -> list[Look]:
    return [
        Look(n / 10, 500 + slope * n / 10, 40.0, descriptors=20 + n * leak, threads=9)
        for n in range(11)
    ]


def missed(found: list[Look], **more: int) -> set[str]:
    traffic = Traffic(senders=200, subscribers=200)
    report = report_of(found, traffic, more.get("failures", 0), Options())
    return {goal["what"] for goal in report.figures["goals"] if not goal["met"]}


def test_the_slope_is_that_of_a_line_and_its_bounds_are_those_of_its_scatter() -> None:
    slope, bound = slope_of([0.0, 1.0, 2.0, 3.0], [5.0, 7.0, 9.0, 11.0])
    assert (slope, bound) == (pytest.approx(2.0), pytest.approx(0.0, abs=1e-9))
    # By hand: residuals -0.3 0.4 0.1 -0.2 about 0.8 x + 0.3, and sum of squares 5 in x.
    slope, bound = slope_of([0.0, 1.0, 2.0, 3.0], [0.0, 1.5, 2.0, 2.5])
    assert slope == pytest.approx(0.8)
    assert bound == pytest.approx(2 * (0.3 / 2 / 5) ** 0.5)


def test_what_grows_is_told_by_the_medians_of_the_quarters() -> None:
    assert growth_of([3, 9, 3, 3, 3, 3, 3, 3]) == 3 - 6
    assert growth_of([1, 1, 2, 2, 3, 3, 4, 4]) == 3


def test_what_does_not_grow_meets_every_goal() -> None:
    assert missed(looks()) == set()


def test_memory_descriptors_and_failures_are_each_held_against_a_goal() -> None:
    assert missed(looks(slope=1.1)) == {"MB per hour, daemon"}
    assert missed(looks(leak=1)) == {"descriptors more"}
    assert missed(looks(), failures=1) == {"streams that failed, relays that died"}


def test_the_warm_up_is_not_held_against_it() -> None:
    grows_at_first = [
        Look(n / 10, 500 - max(0, 2 - n) * 50, 40.0, descriptors=9, threads=9)
        for n in range(11)
    ]
    assert missed(grows_at_first) == set()


def test_too_few_looks_are_said_to_be_too_few() -> None:
    with pytest.raises(ValueError, match="too short"):
        report_of(looks()[:2], Traffic(), 0, Options())


def test_a_process_is_looked_at_with_its_threads_and_descriptors() -> None:
    seen = look_at(os.getpid(), hours=0.0)
    assert seen.daemon_mb > 1
    assert seen.descriptors >= 3
    assert seen.threads >= 1


@pytest.mark.slow
def test_a_moment_of_it_lets_peers_come_and_go() -> None:
    options = Options(hours=6 / 3600, connects=3, warm_up=0.0, width=32, height=24)
    report = soak.run(options)
    assert report.figures["traffic"]["senders"] >= 3
    assert report.figures["traffic"]["sent"] > 5
    assert report.figures["traffic"]["received"] > 0
