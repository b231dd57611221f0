"""What `srstream doctor` looks at: small functions, which are told their surroundings."""

from __future__ import annotations

from collections.abc import Iterator

from srstream.cli.checks.clock import check_clock
from srstream.cli.checks.codecs import check_reading, check_writing
from srstream.cli.checks.finding import Finding, Status
from srstream.cli.checks.folders import check_folders
from srstream.cli.checks.machine import (
    check_cuda,
    check_python,
    check_threads,
    check_torch,
)
from srstream.cli.checks.sockets import check_sockets
from srstream.cli.checks.state import check_ledger, check_lock
from srstream.cli.checks.watching import check_events, check_inotify
from srstream.cli.checks.weights import check_weights
from srstream.settings import Settings


def examine(settings: Settings | None) -> Iterator[Finding]:
    """Yield what is found of the machine, and of what a configuration names.

    Args:
        settings: None: of the machine only.
    """
    yield check_python()
    yield check_torch()
    devices = {} if settings is None else _devices(settings)
    yield check_cuda(devices)
    yield check_threads()
    yield check_reading()
    yield check_writing()
    yield check_clock()
    yield check_inotify(settings)
    if settings is not None:
        state_dir = settings.base / settings.daemon.state_dir
        yield from check_weights(settings)
        yield from check_events(settings)
        yield from check_folders(settings)
        yield from check_sockets(settings)
        yield check_lock(state_dir)
        yield check_ledger(state_dir)


def _devices(settings: Settings) -> dict[str, str]:
    """Return the device that each stream names, by key."""
    return {
        f"streams.{name}.device": stream.device for name, stream in settings.streams.items()
    }


__all__ = ["Finding", "Status", "examine"]
