"""`srstream serve` as a process of its own, watched through its statistics."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_POLL = 0.1
"""Seconds between two looks at the statistics."""
_PATIENCE = 60.0
"""Seconds beyond the grace that a stop is waited for."""


@dataclass(slots=True)
class Served:
    """A daemon that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, stats: Path, *, frames: int, within: float) -> list[float]:
        """Wait until as many frames are done; return when each was, in seconds.

        Raises:
            ValueError: the daemon ended, or the time is up.
        """
        end = time.monotonic() + within
        while len(moments := moments_in(stats)) < frames:
            self._check()
            if time.monotonic() >= end:
                raise ValueError(f"{len(moments)} of {frames} frames in {within:.0f} s")
            time.sleep(_POLL)
        return moments[:frames]

    def watch(self, stats: Path, *, seconds: float, within: float) -> list[float]:
        """Return when frames were done, for this long from the first one on.

        Raises:
            ValueError: the daemon ended, or no frame was done in time.
        """
        self.wait_for(stats, frames=1, within=within)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._check()
            time.sleep(_POLL)
        return moments_in(stats)

    def stop(self) -> float:
        """Send SIGTERM; return the seconds until the process ended.

        Raises:
            ValueError: it ended with another status than 0, or not at all.
        """
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"the daemon did not stop in {_PATIENCE:.0f} s") from error
        if status != 0:
            raise ValueError(f"the daemon ended with status {status}\n{self._last_words()}")
        return time.monotonic() - began

    def events(self, name: str) -> list[dict[str, object]]:
        """Return what the daemon logged under this name."""
        lines = self.log.read_text().splitlines()
        said = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in said if event.get("event") == name]

    def _check(self) -> None:
        if self.process.poll() is not None:
            raise ValueError(f"the daemon ended by itself\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-5:])


@contextmanager
def serving(arguments: Sequence[str], *, log: Path) -> Iterator[Served]:
    """Run `srstream serve`; what still runs at the end is killed."""
    command = [sys.executable, "-m", "srstream", "serve", *arguments]
    with log.open("wb") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            yield Served(process, log)
        finally:
            process.kill()


def moments_in(stats: Path) -> list[float]:
    """Return when each frame was done, in seconds, from the lines written so far."""
    try:
        text = stats.read_text()
    except FileNotFoundError:
        return []
    whole, _, _ = text.rpartition("\n")  # the last line may be half written
    return [
        datetime.fromisoformat(json.loads(line)["time"]).timestamp()
        for line in whole.splitlines()
    ]
