"""Settings -> the objects that run them. The only module that knows every part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog
import torch

from srstream.engine import Estimate, Session, choose_device, estimate, prepare_thread
from srstream.engine.options import SessionOptions
from srstream.errors import Complaint, ConfigError
from srstream.ports import Sink, StreamContext
from srstream.runtime.allocator import keep_freed_memory
from srstream.runtime.compute import Compute
from srstream.runtime.cpus import usable_cpus
from srstream.runtime.pipeline import Pipeline
from srstream.settings import Settings, StreamSettings
from srstream.sinks import SINKS, DirectorySink
from srstream.sources import SOURCES
from srstream.stores.unrecorded import Unrecorded

CLOCK: Callable[[], float] = time.monotonic


class Computes:
    """The compute thread of each device in use: one per device, made when first asked."""

    def __init__(self) -> None:
        keep_freed_memory()
        self._threads: dict[torch.device, Compute] = {}

    def on(self, device: torch.device) -> Compute:
        """Return the device's thread."""
        if device not in self._threads:
            self._threads[device] = Compute(
                f"compute {device}", prepare=partial(prepare_thread, usable_cpus())
            )
        return self._threads[device]

    def close(self, within: float) -> bool:
        """End all threads; true if all ended within as many seconds. Blocks."""
        end = CLOCK() + within
        ended = [thread.close(max(end - CLOCK(), 0.0)) for thread in self._threads.values()]
        return all(ended)


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A stream that is ready to run."""

    name: str
    pipeline: Pipeline
    settings: StreamSettings
    device: torch.device
    compute: Compute

    async def expect(self) -> Estimate:
        """Measure what its frames will cost, in slices beside those of the streams."""
        key = (self.name, "estimate")
        return await self.compute.run(key, estimate(self.settings.session, self.device))


async def build_stream(
    name: str, settings: Settings, *, computes: Computes, run: str
) -> Stream:
    """Build one stream; nothing is opened yet.

    Raises:
        ConfigError: there is no such device.
    """
    chosen = settings.streams[name]
    device = device_of(chosen.device, key=f"streams.{name}.device")
    compute = computes.on(device)
    context = StreamContext(
        stream=name, run=run, clock=CLOCK, base=settings.base, ledger=Unrecorded()
    )
    sinks = [_make(SINKS, options, context) for options in chosen.sinks]
    context = replace(context, done_before=partial(_all_hold, sinks))
    session = await new_session(chosen.session, device, compute)
    pipeline = Pipeline(
        name,
        source=_make(SOURCES, chosen.source, context),
        processor=session,
        compute=compute,
        sinks=sinks,
        clock=CLOCK,
        queue_bytes=settings.daemon.queue_mb * 10**6,
        log=structlog.get_logger(),
    )
    return Stream(name, pipeline, chosen, device, compute)


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
