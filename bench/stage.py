"""srstream without its engine, in a process of its own: `python -m bench.stage SETTINGS`.

The pipeline, the source and the sink of ZeroMQ and the ledger are the daemon's; what
adapts and upscales gives every frame back as it was. So a bench measures what the way
through srstream costs, and starts in a moment since torch is not needed.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from bench.children import Child, child
from bench.endpoints import wait_for_listener
from srstream.frames import AdaptStats, Frame, Outcome, Upscaled
from srstream.logs import configure_logs
from srstream.ports import StreamContext
from srstream.runtime.allocator import keep_freed_memory
from srstream.runtime.compute import Compute
from srstream.runtime.pipeline import Pipeline
from srstream.sinks import SINKS
from srstream.sources import SOURCES
from srstream.stores.ledger import Ledger

STREAM = "bench"
START = 60.0
"""Seconds within which somebody must listen."""
_QUEUE = 256 * 10**6
"""Bytes, as the daemon has it where nothing else is configured."""
_GRACE = 20.0
"""Seconds for what was accepted, after SIGTERM."""
_STATS = AdaptStats(Outcome.SKIPPED, 1, net="identity", preset="identity", device="cpu")


class Identity:
    """A processor that gives the very pixels back that it got; see `ports.Processor`."""

    def __init__(self) -> None:
        self._frame: Frame | None = None

    def begin(self, frame: Frame) -> None:
        """Take a frame up."""
        self._frame = frame

    def advance(self, seconds: float) -> bool:
        """Be ready at once."""
        del seconds
        return True

    def finish(self) -> Upscaled:
        """Return the frame as it was."""
        if self._frame is None:
            raise ValueError("there is no frame in hand")
        frame, self._frame = self._frame, None
        return Upscaled(frame, frame.picture.pixels, _STATS)

    def abandon(self) -> None:
        """Forget the frame."""
        self._frame = None

    def dump(self) -> bytes:
        """Return no state: there is none."""
        return b""

    def load(self, blob: bytes) -> None:
        """Take no state up."""


@contextmanager
def staged(
    source: Mapping[str, Any], sink: Mapping[str, Any], folder: Path
) -> Iterator[Child]:
    """Run it; it listens already.

    Args:
        source: keys of the source, as in a configuration.
        sink: keys of the sink.
        folder: the ledger and the log go there.

    Raises:
        ValueError: it ended, or does not listen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"source": source, "sink": sink, "folder": str(folder)}
    with child("stage", settings, log=folder / "log.jsonl") as process:
        process.hear(within=START)
        for keys in (source, sink):
            if not keys.get("connect"):
                for endpoint in keys["endpoints"]:
                    _wait_for(endpoint, process)
        yield process


def _wait_for(endpoint: str, process: Child) -> None:
    try:
        wait_for_listener(endpoint, within=START, is_alive=lambda: process.is_alive)
    except ValueError as error:
        raise ValueError(f"{error}{process.words()}") from None


async def _work(settings: Mapping[str, Any]) -> None:
    folder = Path(settings["folder"])
    ledger = Ledger.open(folder / "ledger.db")
    compute = Compute("identity")
    try:
        await _pipe(settings, folder, ledger, compute)
    finally:
        compute.close(1.0)
        await ledger.close()


async def _pipe(
    settings: Mapping[str, Any], folder: Path, ledger: Ledger, compute: Compute
) -> None:
    own = ledger.stream(STREAM)
    context = StreamContext(STREAM, time.monotonic, folder, own)
    pipeline = Pipeline(
        STREAM,
        source=_made(SOURCES, settings["source"], context),
        processor=Identity(),
        compute=compute,
        sinks=[_made(SINKS, settings["sink"], context)],
        ledger=own,
        clock=time.monotonic,
        queue_bytes=_QUEUE,
        log=structlog.get_logger(),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as group:
        group.create_task(pipeline.run())
        print(json.dumps({"says": "started"}), flush=True)
        await stop.wait()
        await pipeline.drain(_GRACE)


def _made(table: Any, keys: Mapping[str, Any], context: StreamContext) -> Any:
    entry = table["zmq"]
    chosen = {**keys, "endpoints": tuple(keys["endpoints"])}
    return entry.make(entry.options(**chosen), context)


def _main(settings: Mapping[str, Any]) -> None:
    configure_logs(json=True)
    keep_freed_memory()
    asyncio.run(_work(settings))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
