"""Modules of these benches as processes of their own, which tell us lines of JSON."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_END = 60.0
"""Seconds that the end of a process is waited for."""

Line = dict[str, Any]


class Child:
    """A process that was started."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self._lines: queue.Queue[Line | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def hear(self, *, within: float) -> Line:
        """Return the next line that it tells.

        Raises:
            ValueError: it ended, or the time is up.
        """
        try:
            line = self._lines.get(timeout=within)
        except queue.Empty:
            raise ValueError(
                f"nothing was heard for {within:.0f} s{self.words()}"
            ) from None
        if line is None:
            raise ValueError(f"a process ended by itself{self.words()}")
        return line

    def heard(self) -> list[Line]:
        """Return the lines that it told meanwhile."""
        lines: list[Line] = []
        while not self._lines.empty():
            line = self._lines.get()
            if line is not None:
                lines.append(line)
        return lines

    def tell(self, word: str) -> None:
        """Write a line to it."""
        assert self.process.stdin is not None  # noqa: S101 - as it was started
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def stop(self, number: int) -> float:
        """Send a signal; return the seconds until the process ended.

        Raises:
            ValueError: it did not end.
        """
        late = threading.Timer(_END, self.process.kill)
        began = time.monotonic()
        late.start()
        self.process.send_signal(number)
        self.process.wait()  # not with a timeout: that looks now and then only
        took = time.monotonic() - began
        late.cancel()
        if took >= _END:
            raise ValueError(f"a process did not end in {_END:.0f} s{self.words()}")
        return took

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def words(self) -> str:
        """Return what it said last, on lines of their own."""
        said = self._log.read_text(errors="replace").splitlines()[-5:]
        return "".join(f"\n{line}" for line in said)

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - as it was started
        for line in self.process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def join(self) -> None:
        """Wait until all that an ended process told is read."""
        self._reader.join()


@contextmanager
def child(module: str, settings: Mapping[str, Any], *, log: Path) -> Iterator[Child]:
    """Run `python -m bench.MODULE SETTINGS`; what still runs at the end is killed.

    Args:
        module: below `bench`.
        settings: what the module's process is to do.
        log: what it says on stderr is written there.
    """
    command = [sys.executable, "-m", f"bench.{module}", json.dumps(settings)]
    with started(command, log=log) as process:
        yield process


@contextmanager
def started(
    command: list[str], *, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a command; what still runs at the end is killed."""
    with (
        log.open("ab") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            cwd=_ROOT,
            env=None if environment is None else dict(environment),
        ) as process,
    ):
        child = Child(process, log)
        try:
            yield child
        finally:
            process.kill()
            child.join()  # before its pipe is closed


def told(**line: Any) -> None:
    """Tell a line to whoever started this process."""
    print(json.dumps(line), flush=True)
