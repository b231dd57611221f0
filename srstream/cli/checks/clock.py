"""The clocks: that of the wall, and the one that only advances."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from srstream.cli.checks.finding import Finding, fail, ok, warn

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock that shows less was never set."""
_READINGS = 100_000
"""How often a clock may show the same: some milliseconds."""


def check_clock(
    now: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
) -> Finding:
    """Look whether the time is plausible and advances; who sets it is not asked."""
    shown = datetime.fromtimestamp(now(), UTC)
    found = f"{shown:%Y-%m-%d %H:%M:%S} UTC"
    if shown < BUILT:
        remedy = "set the clock, such as by NTP: files are told apart by their times"
        return warn("clock", f"{found}, which is long ago", remedy)
    first = monotonic()
    for _ in range(_READINGS):
        then = monotonic()
        if then < first:
            break
        if then > first:
            return ok("clock", found)
    remedy = "see what the kernel says: dmesg | grep -i clocksource"
    return fail("clock", f"{found}, but the monotonic clock does not advance", remedy)
