"""When a daemon is killed: moments at random, spread over all of its work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bench.results_folder import names_in
from bench.serving import Served
from bench.tiny import START, Tiny

_JITTER = 0.05
"""Seconds at most between what is waited for and the kill: some frames."""
_STARTING = 0.15
_RECOVERING = 0.15
"""Shares of all kills."""
_MEANWHILE = 3
"""Frames that are done between what is waited for and the kill."""


class Phase(StrEnum):
    """What the daemon is at."""

    STARTING = "starting"
    """Before its stream is ready."""
    RECOVERING = "recovering"
    """Just after: the ledger is recovered, the weights are loaded, the folder is read."""
    WORKING = "working"
    """Frames come out."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill."""

    phase: Phase
    frames: int
    """New ones to be seen before; 0 unless it is working."""
    delay: float
    """Seconds after that."""


def choose(
    draw: np.random.Generator, *, frames_left: int, kills_left: int, start: float
) -> Moment:
    """Return when to kill next, so that the work lasts for all kills.

    Args:
        draw: random numbers.
        frames_left: that are not done yet.
        kills_left: this one included.
        start: seconds that a start takes, about.
    """
    luck = draw.random()
    if luck < _STARTING:
        return Moment(Phase.STARTING, 0, start * draw.random())
    delay = _JITTER * draw.random()
    # Twice a kill's share, as the half of it is drawn; less what is done meanwhile.
    share = min(2.0 * frames_left / kills_left, frames_left) - _MEANWHILE
    if luck < _STARTING + _RECOVERING or share < 1.0:
        return Moment(Phase.RECOVERING, 0, delay)
    return Moment(Phase.WORKING, int(draw.integers(1, int(share) + 1)), delay)


def kill_at(moment: Moment, daemon: Served, tiny: Tiny, *, outputs: int) -> None:
    """Wait for the moment, and kill.

    Args:
        moment: when.
        daemon: just started.
        tiny: its folder.
        outputs: how many stood in its first folder of results when it started.

    Raises:
        ValueError: it ended by itself, or the moment did not come.
    """
    if moment.phase is not Phase.STARTING:
        daemon.wait_for_event("stream ready", within=START)
    if moment.frames:
        daemon.wait_until(
            lambda: len(names_in(tiny.outbox)) >= outputs + moment.frames,
            f"{moment.frames} more frames",
            within=START,
            poll=0.0005,
        )
    time.sleep(moment.delay)
    daemon.check()
    daemon.kill()
