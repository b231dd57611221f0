from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from srstream.runtime.cpus import groups, least_cpus, processor, processor_in, usable_cpus


@pytest.mark.parametrize(
    ("affinity", "quotas", "expected"),
    [
        (8, [], 8),
        (8, ["max 100000\n"], 8),
        (8, ["200000 100000\n"], 2),
        (8, ["150000 100000\n"], 2),
        (8, ["10000 100000\n"], 1),
        (2, ["400000 100000\n"], 2),
        (8, ["max 100000", "300000 100000"], 3),
        (8, ["-1\n 100000\n"], 8),
        (8, ["", " ", "nonsense", "1 2 3", "100000 0"], 8),
        (0, [], 1),
    ],
)
def test_the_tightest_limit_holds(affinity: int, quotas: list[str], expected: int) -> None:
    assert least_cpus(affinity, quotas) == expected


def test_the_group_of_version_2_is_found() -> None:
    membership = "0::/system.slice/srstream.service\n"
    assert list(groups(membership)) == [
        ("", PurePosixPath("/system.slice/srstream.service"))
    ]


def test_the_group_with_cpu_limits_is_found_in_version_1() -> None:
    membership = "11:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n3:cpuset:/docker/1\n"
    assert list(groups(membership)) == [("cpu,cpuacct", PurePosixPath("/docker/1"))]


def test_a_colon_in_a_path_is_kept() -> None:
    assert list(groups("0::/a:b\n")) == [("", PurePosixPath("/a:b"))]


def test_no_more_are_usable_than_we_may_run_on() -> None:
    assert 1 <= usable_cpus() <= len(os.sched_getaffinity(0))


def test_the_processor_is_known_by_its_model() -> None:
    told = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Example CPU: 3 GHz\n\nprocessor: 1"
    assert processor_in(told) == "Example CPU: 3 GHz"
    assert not processor_in("Processor: AArch64\n")
    assert processor()
