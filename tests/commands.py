"""The installed command as a process of its own, and what can be seen of it outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

SRSTREAM = Path(sys.executable).with_name("srstream")
PATIENCE = 45.0
"""Seconds for anything to happen; a start takes 2, beside other busy processes 10."""

CONFIG = """
[streams.demo]
device = "cpu"
source = { type = "directory", path = "inbox", settle = 0.1, rescan = 0.1 }
sinks = [
  { type = "directory", path = "outbox" },
  { type = "stats", path = "stats.jsonl" },
]
preset = "light"
precision = "float32"
net = { width = 4, depth = 2 }
adapt = { steps = 1, crop = 16 }
"""
"""A stream that takes milliseconds for a small frame."""


def config_in(folder: Path, text: str = CONFIG) -> Path:
    """Write a configuration and make its inbox."""
    (folder / "inbox").mkdir(exist_ok=True)
    path = folder / "srstream.toml"
    path.write_text(text)
    return path


def run(
    *arguments: str | Path, cwd: Path, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [SRSTREAM, *arguments],
        cwd=cwd,
        env=_environment(environ, cwd),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def start(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """Start the command, to be watched from outside."""
    return subprocess.Popen(
        [SRSTREAM, *arguments],
        cwd=cwd,
        env=_environment(None, cwd),
        stderr=subprocess.PIPE,
        text=True,
    )


def strict(line: str) -> dict[str, Any]:
    """Read a line of JSON that must be strict."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON: {line}")

    value = json.loads(line, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a file of statistics, if it is there."""
    if not path.exists():
        return []
    *whole, _ = path.read_text(encoding="ascii").split("\n")
    return [strict(line) for line in whole]


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look again and again, with a limit, for what a process tells nobody about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


class Daemon:
    """`srstream serve`, with its log."""

    def __init__(
        self, *arguments: str | Path, cwd: Path, environ: dict[str, str] | None = None
    ) -> None:
        self.folder = cwd
        self.log: list[dict[str, Any]] = []
        self._said = threading.Condition()
        self._over = False
        self._process = subprocess.Popen(
            [SRSTREAM, "serve", *arguments],
            cwd=cwd,
            env=_environment(environ, cwd),
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def memory(self) -> int:
        """Bytes resident at this moment."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    @property
    def open_files(self) -> set[str]:
        """The names of the regular files that are open at this moment."""
        return {
            Path(file.path).name for file in psutil.Process(self._process.pid).open_files()
        }

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def heard(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Return the lines of the log about an event."""
        return [
            line
            for line in tuple(self.log)
            if line["event"] == event and fields.items() <= line.items()
        ]

    def wait_for(self, event: str, **fields: object) -> dict[str, Any]:
        """Wait until the log tells about an event, and return its line."""
        with self._said:
            self._said.wait_for(lambda: self.heard(event, **fields) or self._over, PATIENCE)
        found = self.heard(event, **fields)
        assert found, f"waited in vain for {event!r} {fields}; heard {self.log}"
        return found[0]

    def stats(self, name: str = "stats.jsonl") -> list[dict[str, Any]]:
        """Return the lines of a file of statistics."""
        return lines_of(self.folder / name)

    def wait_for_frames(self, *sources: str) -> None:
        """Wait until there are statistics of these frames."""
        wait_until(
            lambda: (
                not self.is_alive
                or set(sources) <= {line["source"] for line in self.stats()}
            ),
            f"{sources} in the statistics",
        )
        assert self.is_alive, f"it ended; it said {self.log}"

    def send(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and return the exit status."""
        self.send(number)
        return self.wait()

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._said:
                self.log.append(strict(line))
                self._said.notify_all()
        with self._said:
            self._over = True
            self._said.notify_all()


def _environment(more: dict[str, str] | None, cwd: Path) -> dict[str, str]:
    """Return ours without overrides of the configuration, and with state below `cwd`."""
    ours = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("SRSTREAM_", "OMP_"))
    }
    state = {"XDG_STATE_HOME": str(cwd / "xdg-state")}
    return {**ours, **state, "COLUMNS": "100", **(more or {})}
