"""Settings -> the objects that run them. The only module that knows every part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import torch

from srstream.engine import Estimate, Session, choose_device, estimate, prepare_thread
from srstream.engine.options import SessionOptions
from srstream.errors import Complaint, ConfigError
from srstream.frames import Upscaled
from srstream.ports import Sink, StreamContext
from srstream.runtime.allocator import keep_freed_memory
from srstream.runtime.cadence import Cadence
from srstream.runtime.compute import Compute
from srstream.runtime.cpus import usable_cpus
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.statekeeper import StateKeeper
from srstream.settings import Settings, StreamSettings
from srstream.settings.keys import below
from srstream.sinks import SINKS, DirectorySink
from srstream.sinks.stats_line import stats_line
from srstream.sources import SOURCES
from srstream.stores.checkpoints import FileCheckpoints
from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir

CLOCK: Callable[[], float] = time.monotonic


class Computes:
    """The compute threads of the devices in use, made when first asked for.

    One per device; and one more for its deterministic streams, with one thread of torch's,
    since sums are rounded otherwise with each number of threads.
    """

    def __init__(self) -> None:
        keep_freed_memory()
        self._threads: dict[tuple[torch.device, bool], Compute] = {}

    def on(self, device: torch.device, *, deterministic: bool = False) -> Compute:
        """Return the device's thread."""
        key = device, deterministic
        if key not in self._threads:
            threads = 1 if deterministic else usable_cpus()
            prepare = partial(prepare_thread, threads, deterministic=deterministic)
            kind = " deterministic" if deterministic else ""
            self._threads[key] = Compute(f"compute {device}{kind}", prepare=prepare)
        return self._threads[key]

    def close(self, within: float) -> bool:
        """End all threads; true if all ended within as many seconds. Blocks."""
        end = CLOCK() + within
        ended = [thread.close(max(end - CLOCK(), 0.0)) for thread in self._threads.values()]
        return all(ended)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """All that a stream is made from; one that is equal need not be made anew."""

    settings: StreamSettings
    queue_mb: int
    base: Path
    """Relative paths are relative to this folder."""


def specs(settings: Settings) -> dict[str, StreamSpec]:
    """Return the streams of a configuration, by name."""
    queue_mb, base = settings.daemon.queue_mb, settings.base
    return {
        name: StreamSpec(stream, queue_mb, base)
        for name, stream in settings.streams.items()
    }


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A stream that is ready to run."""

    name: str
    pipeline: Pipeline
    spec: StreamSpec
    device: torch.device
    compute: Compute

    async def expect(self) -> Estimate:
        """Measure what its frames will cost, in slices beside those of the streams."""
        key = (self.name, "estimate")
        options = self.spec.settings.session
        return await self.compute.run(key, estimate(options, self.device))


class Builder:
    """Makes streams; knows what they share."""

    def __init__(
        self, computes: Computes, ledger: Ledger, state_dir: StateDir, *, run: str
    ) -> None:
        """Take what is shared.

        Args:
            computes: the compute threads.
            ledger: of all streams.
            state_dir: checkpoints go below it.
            run: identifies this run of the program in the statistics.
        """
        self._computes = computes
        self._ledger = ledger
        self._state_dir = state_dir
        self._run = run

    async def stream(self, name: str, spec: StreamSpec) -> Stream:
        """Make one stream; nothing of it is opened yet.

        Raises:
            ConfigError: there is no such device.
        """
        chosen = spec.settings
        device = device_of(chosen.device, key=below("streams", name, "device"))
        compute = self._computes.on(device, deterministic=chosen.deterministic)
        ledger = self._ledger.stream(name)
        context = StreamContext(name, CLOCK, spec.base, ledger)
        sinks = [_make(SINKS, options, context) for options in chosen.sinks]
        context = replace(context, done_before=partial(_all_hold, sinks))
        log = structlog.get_logger()
        pipeline = Pipeline(
            name,
            source=_make(SOURCES, chosen.source, context),
            processor=await new_session(chosen.session, device, compute),
            compute=compute,
            sinks=sinks,
            ledger=ledger,
            clock=CLOCK,
            queue_bytes=spec.queue_mb * 10**6,
            log=log,
            keeper=self._keeper(name, chosen),
            tell=self._tell if any(sink.reports for sink in sinks) else None,
            reuse=chosen.identical == "reuse",
        )
        return Stream(name, pipeline, spec, device, compute)

    def _keeper(self, name: str, chosen: StreamSettings) -> StateKeeper | None:
        if not chosen.deterministic and chosen.session.adapt.mode != "online":
            return None  # nothing is carried from frame to frame
        often = chosen.checkpoint
        return StateKeeper(
            FileCheckpoints(self._state_dir.stream(name), keep=often.keep),
            None if chosen.deterministic else Cadence(often.frames, often.seconds),
            clock=CLOCK,
            log=structlog.get_logger().bind(stream=name),
        )

    def _tell(self, item: Upscaled) -> str:
        return stats_line(item, run=self._run, time=datetime.now(UTC))


async def new_session(
    options: SessionOptions, device: torch.device, compute: Compute
) -> Session:
    """Make a session on the thread that will use it."""
    return await compute.call(partial(Session, options, device=device))


def device_of(name: str, *, key: str) -> torch.device:
    """Return the device of this name.

    Raises:
        ConfigError: there is no such device; names the key.
    """
    try:
        return choose_device(name)
    except ValueError as exc:
        raise ConfigError(Complaint(key, str(exc))) from exc


def _make(table: Any, options: Any, context: StreamContext) -> Any:
    return table[table.name_of(options)].make(options, context)


def _all_hold(sinks: list[Sink], name: str, mtime_ns: int) -> bool:
    """Tell whether every folder of results holds this frame's, and not an older one."""
    folders = [sink for sink in sinks if isinstance(sink, DirectorySink)]
    return bool(folders) and all(sink.holds(name, mtime_ns) for sink in folders)
