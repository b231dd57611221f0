"""Is there room for more watches? What the limits of inotify allow, and what is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_LIMITS = Path("/proc/sys/fs/inotify")
_PROCESSES = Path("/proc")
_MOST_LOOKED_AT = 20_000
"""Handles of processes: a hundredth of a second per thousand."""


def room_for(
    watches: int, *, processes: Path = _PROCESSES, limits: Path = _LIMITS
) -> str | None:
    """Return none if so many folders more can be watched, else why not, in a sentence.

    The limits are per user. What other processes of this user have in use is counted as
    far as it may be looked at; so the answer may be too good, and never too bad.

    Args:
        watches: How many folders, all by one instance of inotify.
        processes: Where the kernel tells of processes.
        limits: Where it tells the limits.
    """
    most_watches = _limit(limits / "max_user_watches")
    most_instances = _limit(limits / "max_user_instances")
    if most_watches is None or most_instances is None:
        return None
    used_instances, used_watches = _used(processes)
    if used_instances + 1 > most_instances:
        return (
            f"inotify: {used_instances} of {most_instances} instances are in use; raise "
            f"them by `sysctl fs.inotify.max_user_instances={2 * most_instances}`"
        )
    if used_watches + watches > most_watches:
        needed = max(2 * most_watches, 2 * (used_watches + watches))
        return (
            f"inotify: {used_watches} of {most_watches} watches are in use, and {watches} "
            f"more are needed; raise them by `sysctl fs.inotify.max_user_watches={needed}`"
        )
    return None


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _used(processes: Path) -> tuple[int, int]:
    """Return how many instances and watches the processes of this user have in use."""
    instances = watches = 0
    for handles in _handles(processes):
        for handle in handles:
            try:
                if str(handle.readlink()) != "anon_inode:inotify":
                    continue
                told = (handle.parent.parent / "fdinfo" / handle.name).read_text()
            except OSError:
                continue  # gone meanwhile
            instances += 1
            watches += sum(line.startswith("inotify wd:") for line in told.splitlines())
    return instances, watches


def _handles(processes: Path) -> Iterator[list[Path]]:
    """Yield the open handles of each process of this user, not too many in all."""
    left = _MOST_LOOKED_AT
    for process in processes.glob("[0-9]*"):
        try:
            if process.stat().st_uid != os.getuid():
                continue
            handles = list(islice((process / "fd").iterdir(), left))
        except OSError:
            continue  # gone meanwhile, or not to be looked at
        left -= len(handles)
        yield handles
