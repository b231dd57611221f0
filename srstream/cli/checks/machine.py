"""Python, torch, its devices, and the CPUs."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence

import torch

from srstream.cli.checks.finding import Finding, fail, ok, warn
from srstream.runtime.cpus import usable_cpus

OLDEST_PYTHON = (3, 11)


def check_python(version: tuple[int, ...] | None = None) -> Finding:
    """Look at the interpreter."""
    parts = version or tuple(map(int, platform.python_version_tuple()[:2]))
    found = f"{platform.python_implementation()} {'.'.join(map(str, parts))}"
    if parts < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON))
        return fail("python", found, f"install Python {needed} or newer")
    return ok("python", found)


def check_torch(compute: Callable[[], float] | None = None) -> Finding:
    """Let torch compute something of which the result is known: 36."""
    found = f"torch {torch.__version__}"
    try:
        result = (compute or _convolved)()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        remedy = "install torch again: pip install --force-reinstall torch"
        return fail("torch", f"{found} does not compute: {error}", remedy)
    if result != 36.0:
        remedy = "test the memory of this machine, and install torch again"
        return fail("torch", f"{found} computes {result} where it is 36", remedy)
    return ok("torch", found)


def _convolved() -> float:
    """Return the sum of 2x2 ones, each convolved to four times a weight of 9/4."""
    ones = torch.ones(1, 1, 2, 2)
    weights = torch.full((1, 1, 3, 3), 9 / 4)
    return float(torch.nn.functional.conv2d(ones, weights, padding=1).sum())


def check_cuda(
    devices: Mapping[str, str],
    *,
    there: Sequence[str] | None = None,
    built_for: str | None = torch.version.cuda,
) -> Finding:
    """Look for the GPUs.

    Args:
        devices: By key, the devices that a configuration names.
        there: Names of the GPUs; by default those of this machine.
        built_for: With which CUDA this torch was built; none: with none.
    """
    names = _gpus() if there is None else there
    missing = [
        f"{key} = {device}" for key, device in devices.items() if _lacks(device, len(names))
    ]
    found = ", ".join(f"cuda:{n} {name}" for n, name in enumerate(names)) or "CPU only"
    if not missing:
        return ok("cuda", found)
    if built_for is None:
        remedy = "install a torch that is built for CUDA, or let device be auto or cpu"
    elif not names:
        remedy = "see whether nvidia-smi shows a GPU, or let device be auto or cpu"
    else:
        remedy = "name one that is there, or auto"
    return fail("cuda", f"{found}; but {', '.join(missing)}", remedy)


def _gpus() -> list[str]:
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]


def _lacks(device: str, count: int) -> bool:
    kind, _, number = device.partition(":")
    return kind == "cuda" and int(number or 0) >= count


def check_threads(
    *,
    usable: int | None = None,
    cpus: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Finding:
    """Look at how many CPUs there are, how many may be used, and what OpenMP is told."""
    may = usable_cpus() if usable is None else usable
    there = cpus or os.cpu_count() or may
    found = f"{may} of {there} CPUs, by affinity and cgroup quota"
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        told = environ.get(name, "")
        if told.isdecimal() and int(told) < may:
            what = f"{found}; {name} is {told}"
            return warn("threads", what, f"unset {name}: the usable CPUs are used")
    if environ.get("OMP_WAIT_POLICY", "").lower() == "active":
        what = f"{found}; OMP_WAIT_POLICY is active"
        return warn("threads", what, "unset it: waiting threads take CPUs from others")
    return ok("threads", found)
