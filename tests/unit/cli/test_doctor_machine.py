from __future__ import annotations

from collections.abc import Iterator
from itertools import count, repeat

import pytest

from srstream.cli.checks.clock import check_clock
from srstream.cli.checks.codecs import check_reading, check_writing
from srstream.cli.checks.finding import Status
from srstream.cli.checks.machine import (
    check_cuda,
    check_python,
    check_threads,
    check_torch,
)

NOW = 1.8e9  # in 2027


def broken() -> float:
    raise RuntimeError("no kernel image")


def test_this_python_will_do() -> None:
    assert check_python().status is Status.OK


def test_an_old_python_will_not_do() -> None:
    finding = check_python((3, 10))
    assert (finding.status, finding.remedy) == (
        Status.FAIL,
        "install Python 3.11 or newer",
    )


def test_torch_computes() -> None:
    assert check_torch().status is Status.OK


def test_a_torch_that_does_not_compute_is_told_with_its_error() -> None:
    finding = check_torch(broken)
    assert finding.status is Status.FAIL
    assert "no kernel image" in finding.found
    assert "pip install" in finding.remedy


def test_a_torch_that_computes_something_else_is_not_trusted() -> None:
    assert check_torch(lambda: 35.0).status is Status.FAIL


def test_no_gpu_is_well_where_none_is_asked_for() -> None:
    finding = check_cuda({"streams.a.device": "auto"}, there=[], built_for=None)
    assert (finding.status, finding.found) == (Status.OK, "CPU only")


def test_gpus_are_named() -> None:
    finding = check_cuda({"a": "cuda", "b": "cuda:1"}, there=["H200", "L4"])
    assert (finding.status, finding.found) == (Status.OK, "cuda:0 H200, cuda:1 L4")


@pytest.mark.parametrize(
    ("there", "built_for", "remedy"),
    [
        ([], None, "built for CUDA"),
        ([], "13.0", "nvidia-smi"),
        (["L4"], "13.0", "name one that is there"),
    ],
)
def test_a_gpu_that_is_missing_is_named_by_its_key(
    there: list[str], built_for: str | None, remedy: str
) -> None:
    finding = check_cuda({"streams.a.device": "cuda:1"}, there=there, built_for=built_for)
    assert finding.status is Status.FAIL
    assert "streams.a.device = cuda:1" in finding.found
    assert remedy in finding.remedy


def test_the_cpus_that_may_be_used_are_told() -> None:
    finding = check_threads(usable=4, cpus=16, environ={"OMP_NUM_THREADS": "4"})
    assert finding.status is Status.OK
    assert finding.found.startswith("4 of 16 CPUs")


@pytest.mark.parametrize(
    ("name", "value"),
    [("OMP_NUM_THREADS", "1"), ("OMP_THREAD_LIMIT", "2"), ("OMP_WAIT_POLICY", "ACTIVE")],
)
def test_what_holds_threads_back_is_named(name: str, value: str) -> None:
    finding = check_threads(usable=4, cpus=4, environ={name: value})
    assert finding.status is Status.WARN
    assert name in finding.found
    assert "unset" in finding.remedy


def test_all_formats_are_read_and_written_here() -> None:
    reading, writing = check_reading(), check_writing()
    assert (reading.status, writing.status) == (Status.OK, Status.OK)
    assert {"PNG", "JPEG", "WEBP", "TIFF 16-bit"} <= set(reading.found.split(", "))


@pytest.mark.parametrize(("name", "status"), [("PNG", Status.FAIL), ("GIF", Status.WARN)])
def test_a_format_that_is_not_read_is_told(name: str, status: Status) -> None:
    finding = check_reading({name: broken, "BMP": lambda: None})
    assert (finding.status, finding.found) == (status, f"{name}: no kernel image")
    assert "pillow" in finding.remedy


def readings(values: Iterator[float]) -> object:
    return lambda: next(values)


def test_a_clock_that_advances_is_well() -> None:
    finding = check_clock(lambda: NOW, readings(count(1.0)))
    assert (finding.status, finding.found) == (Status.OK, "2027-01-15 08:00:00 UTC")


def test_a_clock_that_was_never_set_is_told() -> None:
    finding = check_clock(lambda: 0.0)
    assert finding.status is Status.WARN
    assert finding.found.startswith("1970-01-01")


@pytest.mark.parametrize("values", [repeat(5.0), iter([5.0, 4.0, 6.0])])
def test_a_clock_that_stands_or_goes_back_is_told(values: Iterator[float]) -> None:
    finding = check_clock(lambda: NOW, readings(values))
    assert finding.status is Status.FAIL
    assert "does not advance" in finding.found
