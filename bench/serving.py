"""`srstream serve` as a process of its own, watched through its log and its statistics."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.resident import resident_mb

_POLL = 0.1
"""Seconds between two looks at the statistics."""
_QUICK_POLL = 0.002
"""Seconds between two looks at anything else."""
_PATIENCE = 60.0
"""Seconds beyond the grace that a stop is waited for."""


@dataclass(slots=True)
class Served:
    """A daemon that was started."""

    process: subprocess.Popen[bytes]
    log: Path
    started: float
    """Wall clock just before, in seconds since 1970."""

    def wait_for(self, stats: Path, *, frames: int, within: float) -> list[float]:
        """Wait until as many frames are done; return when each was, in seconds.

        Raises:
            ValueError: the daemon ended, or the time is up.
        """
        end = time.monotonic() + within
        while len(moments := moments_in(stats)) < frames:
            self.check()
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
            self.check()
            time.sleep(_POLL)
        return moments_in(stats)

    def wait_until(
        self,
        condition: Callable[[], object],
        what: str,
        *,
        within: float,
        poll: float = _QUICK_POLL,
    ) -> None:
        """Look every `poll` seconds whether something is so.

        Raises:
            ValueError: the daemon ended, or the time is up.
        """
        end = time.monotonic() + within
        while not condition():
            self.check()
            if time.monotonic() >= end:
                raise ValueError(
                    f"waited {within:.0f} s in vain for {what}\n{self._last_words()}"
                )
            time.sleep(poll)

    def wait_for_event(self, name: str, *, within: float) -> float:
        """Wait until the log tells about an event; return when, since 1970.

        Raises:
            ValueError: the daemon ended, or the time is up.
        """
        self.wait_until(lambda: self.events(name), name, within=within)
        return moment_of(self.events(name)[0])

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

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.wait(_PATIENCE)

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def memory_mb(self) -> float:
        """Resident at this moment."""
        return resident_mb(self.process.pid)

    def events(self, name: str) -> list[dict[str, object]]:
        """Return what the daemon logged under this name."""
        return [event for event in self.said() if event.get("event") == name]

    def said(self) -> list[dict[str, object]]:
        """Return all that the daemon logged."""
        # What is not decoded is of a file's name; the last line may be half written.
        whole, _, _ = self.log.read_text(errors="replace").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def check(self) -> None:
        """Raise `ValueError` if the daemon ended."""
        if not self.is_alive:
            raise ValueError(f"the daemon ended by itself\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])


@contextmanager
def serving(
    arguments: Sequence[str], *, log: Path, under: Sequence[str] = ()
) -> Iterator[Served]:
    """Run `srstream serve`; what still runs at the end is killed.

    Args:
        arguments: of the command.
        log: what it says is written there.
        under: a command that runs it, and takes its place as our child.
    """
    command = [*under, sys.executable, "-m", "srstream", "serve", *arguments]
    started = time.time()
    with log.open("wb") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            yield Served(process, log, started)
        finally:
            process.kill()


def moment_of(event: dict[str, object]) -> float:
    """Return when an event was logged, in seconds since 1970."""
    return datetime.fromisoformat(str(event["timestamp"])).timestamp()


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
