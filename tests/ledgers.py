"""A ledger on the disk, and what a process that is killed leaves of it."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from pathlib import Path
from typing import Any

import structlog

from fakes import FakeClock, Tally
from srstream.frames import Content, FrameId
from srstream.ledger import Output, Signature
from srstream.stores.ledger import Ledger
from srstream.stores.stream_ledger import StreamLedger

SIGNATURE = Signature(100, 5_000)
CONTENT = Content(b"c" * 32, 7_000)


class Disk:
    """Ledgers below a folder; each is closed in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "ledger.db"
        self.clock = FakeClock(1_000_000.0)
        self._opened: list[Ledger] = []
        self._numbers = itertools.count(1)

    def open(self) -> Ledger:
        ledger = Ledger.open(self.path, clock=self.clock)
        self._opened.append(ledger)
        return ledger

    def stream(self) -> StreamLedger:
        return self.open().stream("demo")

    def kill(self) -> StreamLedger:
        """Return what the next process finds."""
        self.copy()
        return self.stream()

    def copy(self) -> None:
        """Go on with the files as they are at this moment."""
        copy = self.folder / f"after-{next(self._numbers)}"
        copy.mkdir()
        for file in self.path.parent.glob("ledger.db*"):
            if not file.name.endswith("-shm"):  # memory shared by living processes
                shutil.copy(file, copy)
        self.path = copy / "ledger.db"

    def close(self) -> None:
        for ledger in self._opened:
            ledger.close_now()


class Heard:
    """The events of the log, from any thread."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.tally = Tally()

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        self.events.append({**event, "level": method})
        self.tally.add(event["event"])
        raise structlog.DropEvent


class Outbox:
    """Writes outputs in the steps of a sink."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def output(self, name: str = "a.png", data: bytes = b"pixels") -> Output:
        path, part = self.folder / name, self.folder / f".1-{name}.part"
        return Output(str(path), str(part), len(data), hashlib.sha256(data).digest())

    def part(self, output: Output, data: bytes = b"pixels") -> None:
        Path(output.part).write_bytes(data)

    def rename(self, output: Output) -> None:
        Path(output.part).rename(output.path)

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


def frame(seq: int = 1, source: str = "a.png") -> FrameId:
    return FrameId("demo", seq, source, source.removesuffix(".png"))
