"""How many CPUs this process may use, its container's share, and what they are."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")


def usable_cpus() -> int:
    """Return the CPUs of the affinity mask or of the cgroup's quota, the fewer."""
    return least_cpus(len(os.sched_getaffinity(0)), _quotas())


def processor() -> str:
    """Return the name of the processor's model, or else its architecture."""
    return processor_in(_read(Path("/proc/cpuinfo"))) or platform.machine()


def processor_in(told: str) -> str:
    """Return the first name of a model in a text such as `/proc/cpuinfo`; or empty."""
    for line in told.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""


def least_cpus(affinity: int, quotas: Iterable[str]) -> int:
    """Return the fewest CPUs that any limit allows, a part of one counted as one.

    Args:
        affinity: CPUs in the affinity mask.
        quotas: `<quota> <period>` in microseconds each, as in `cpu.max`; a quota of
            `max` or below zero is no limit, and what is not understood is none either.
    """
    limits = [affinity]
    for text in quotas:
        with suppress(ValueError):
            quota, period = map(int, text.split())
            if quota > 0 and period > 0:
                limits.append(math.ceil(quota / period))
    return max(1, min(limits))


def groups(membership: str) -> Iterator[tuple[str, PurePosixPath]]:
    """Yield hierarchy (empty: version 2) and path of each group with CPU limits.

    Args:
        membership: the text of `/proc/self/cgroup`.
    """
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or "cpu" in controllers.split(","):
            yield controllers, PurePosixPath(path)


def _quotas() -> Iterator[str]:
    for controllers, path in groups(_read(Path("/proc/self/cgroup"))):
        # A limit on a parent holds as well, and in a container the own path may lead
        # nowhere while the limit stands at the root.
        for group in (path, *path.parents):
            place = _CGROUPS / controllers / str(group).lstrip("/")
            if controllers:
                quota = _read(place / "cpu.cfs_quota_us")
                yield f"{quota} {_read(place / 'cpu.cfs_period_us')}"
            else:
                yield _read(place / "cpu.max")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
