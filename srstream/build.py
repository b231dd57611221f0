"""Settings -> the objects that run them. The only module that knows every part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import torch

from srstream.computes import Computes
from srstream.engine import Estimate, Session, choose_device, estimate
from srstream.engine.options import SessionOptions
from srstream.engine.weights import Weights
from srstream.errors import Complaint, ConfigError, StateError
from srstream.frames import Upscaled
from srstream.models.catalogue import Model
from srstream.models.find import find_model
from srstream.models.precision import faster_precision
from srstream.ports import Feed, Sender, Sink, Source, StreamContext
from srstream.runtime.cadence import Cadence
from srstream.runtime.compute import Compute
from srstream.runtime.fanout import FanOut, prefix_of
from srstream.runtime.keptfeeds import KeptFeeds
from srstream.runtime.minder import Runnable
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.statekeeper import StateKeeper
from srstream.runtime.tutor import Tutor
from srstream.runtime.workthread import WorkThread
from srstream.settings import Settings, StreamSettings
from srstream.settings.keys import below
from srstream.settings.links import check_keys
from srstream.sinks import (
    SINKS,
    DirectorySink,
    DirectorySinkOptions,
    StatsOptions,
    ZmqSinkOptions,
)
from srstream.sinks.shared import Shared
from srstream.sinks.stats_line import stats_line
from srstream.sources import SOURCES, ZmqOptions, ZmqSenders
from srstream.stores.checkpoints import FileCheckpoints
from srstream.stores.ledger import Ledger
from srstream.stores.selftests import SelfTests
from srstream.stores.senders import SenderStates
from srstream.stores.state_dir import StateDir

CLOCK: Callable[[], float] = time.monotonic
_MB = 10**6


@dataclass(frozen=True, slots=True, weakref_slot=True)
class StreamSpec:
    """All that a stream is made from; one that is equal need not be made anew."""

    settings: StreamSettings
    queue_mb: int
    base: Path
    """Relative paths are relative to this folder."""
    model: Model | None
    """Of its weights, read once: a file may be another one later."""


def specs(settings: Settings) -> dict[str, StreamSpec]:
    """Return the streams of a configuration, by name. Blocks: it reads weights and keys.

    Raises:
        ConfigError: there is no such device, no such weights, or keys cannot be used.
    """
    try:
        check_keys(settings)
    except ConfigError as error:
        raise settings.locate(error) from None
    found = {}
    for name, stream in settings.streams.items():
        key = below("streams", name)
        try:
            device_of(stream.device, key=below(key, "device"))
            model = model_of_session(stream.session, settings.base, below(key, "weights"))
        except ConfigError as error:
            raise settings.locate(error) from None
        found[name] = StreamSpec(stream, settings.daemon.queue_mb, settings.base, model)
    return found


def model_of_session(options: SessionOptions, base: Path, key: str) -> Model | None:
    """Return the model that a session starts from; none: from random weights. Blocks.

    Raises:
        ConfigError: there is none of this name, or the file does not do; names the key.
    """
    if options.weights is None:
        return None
    return find_model(options.weights, options.scale, base, key=key)


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """What a session is made of, when its weights were read and its precision is known."""

    options: SessionOptions
    weights: Weights | None
    device: torch.device
    compute: Compute


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A stream that is ready to run."""

    name: str
    pipeline: Runnable
    spec: StreamSpec
    start: Start

    async def expect(self) -> Estimate:
        """Measure what its frames will cost, in slices beside those of the streams."""
        key, start = (self.name, "estimate"), self.start
        work = estimate(start.options, start.device, weights=start.weights)
        return await start.compute.run(key, work)


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
        self._tests = SelfTests(state_dir.selftests)
        self._run = run
        self._feeds = KeptFeeds()

    async def stream(self, name: str, spec: StreamSpec) -> Stream:
        """Make one stream; nothing of it is opened yet.

        Raises:
            ConfigError: there is no such device, or the weights do not fit.
        """
        chosen, key = spec.settings, below("streams", name)
        device = device_of(chosen.device, key=below(key, "device"))
        compute = self._computes.on(device, deterministic=chosen.deterministic)
        options, key = chosen.session, below(key, "weights")
        if chosen.deterministic:
            options = replace(options, precision="float32")
        start = await prepare(options, spec.model, device, compute, self._tests, key=key)
        source = chosen.source
        if isinstance(source, ZmqOptions) and source.streams == "per-sender":
            return Stream(name, self._fan_out(name, spec, start, source), spec, start)
        context = self._context(name, spec)
        sinks = [_make(SINKS, each, context) for each in chosen.sinks]
        # Of a stream that failed: what it accepted still waits in it.
        feed: Source | None = self._feeds.of(spec)
        if feed is None:
            context = replace(context, done_before=partial(_all_hold, sinks))
            feed = _make(SOURCES, source, context)
        if isinstance(feed, Feed):
            self._feeds.keep(name, spec, feed)
        pipeline = await self._pipeline(
            name, spec, start, feed, sinks, queue_bytes=spec.queue_mb * _MB
        )
        return Stream(name, pipeline, spec, start)

    def close(self) -> None:
        """Say what is lost of streams that will not run again."""
        self._feeds.close()

    def _fan_out(
        self, name: str, spec: StreamSpec, start: Start, source: ZmqOptions
    ) -> FanOut:
        """Return what makes a stream of each sender, from one start."""
        context = self._context(name, spec)
        shared = {
            options: Shared(_make(SINKS, options, context))
            for options in spec.settings.sinks
            if isinstance(options, ZmqSinkOptions)
        }

        prefix = prefix_of(name)
        states = prefix and SenderStates(name, prefix, self._state_dir, self._ledger)

        async def make(child: str, sender: Sender) -> Pipeline:
            if states:
                await states.begin(child)
            own = self._context(child, spec)
            sinks = [
                shared[options].view()
                if isinstance(options, ZmqSinkOptions)
                else _make(SINKS, _of_sender(options, sender.id), own)
                for options in spec.settings.sinks
            ]
            # All senders together wait for as much as one stream does.
            queue_bytes = spec.queue_mb * _MB // source.max_senders
            return await self._pipeline(
                child, spec, start, sender, sinks, queue_bytes=queue_bytes
            )

        return FanOut(
            name,
            senders=ZmqSenders(source, context),
            make=make,
            idle=source.idle,
            clock=CLOCK,
            log=structlog.get_logger(),
            shared=tuple(shared.values()),
            tidy=states.tidy if states else None,
        )

    async def _pipeline(
        self,
        name: str,
        spec: StreamSpec,
        start: Start,
        source: Source,
        sinks: Sequence[Sink],
        *,
        queue_bytes: int,
    ) -> Pipeline:
        chosen = spec.settings
        key = below("streams", name, "weights")
        return Pipeline(
            name,
            source=source,
            processor=await new_session(start, start.compute, key=key),
            compute=start.compute,
            sinks=sinks,
            ledger=self._ledger.stream(name),
            clock=CLOCK,
            queue_bytes=queue_bytes,
            log=structlog.get_logger(),
            keeper=self._keeper(name, chosen),
            tutor=await self._tutor(name, start, key=key),
            tell=self._tell if any(sink.reports for sink in sinks) else None,
            reuse=chosen.identical == "reuse",
        )

    async def _tutor(self, name: str, start: Start, *, key: str) -> Tutor | None:
        """Return what learns beside the enlarging; none: nothing does."""
        adapt = start.options.adapt
        if adapt.thread == "same":
            return None
        thread = self._computes.learner_on(start.device)
        alone = replace(adapt, thread="same", target_fps=None, repeats="learn")
        teacher = replace(start, options=replace(start.options, adapt=alone))
        return Tutor(name, await new_session(teacher, thread, key=key), thread)

    def _context(self, name: str, spec: StreamSpec) -> StreamContext:
        ledger = self._ledger.stream(name)
        return StreamContext(name, CLOCK, spec.base, ledger, run=self._run, tell=self._tell)

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


async def prepare(
    options: SessionOptions,
    model: Model | None,
    device: torch.device,
    compute: Compute,
    tests: SelfTests,
    *,
    key: str,
) -> Start:
    """Find out which precision is faster, if that is left open.

    Without weights that is float32: a network as it is born shows nothing of what bfloat16
    will do to it later.

    Args:
        options: of the session.
        model: of the weights that it starts from; none: from random ones.
        device: where the session will compute.
        compute: the device's thread.
        tests: which precision was found faster before.
        key: where the weights are set, for complaints.

    Raises:
        ConfigError: the weights do not fit their network.
    """
    is_open = options.precision == "auto"
    if model is None:
        chosen = replace(options, precision="float32") if is_open else options
        return Start(chosen, None, device, compute)
    start = Start(options, model.weights, device, compute)
    if not is_open:
        return start
    with _refusing(start, key=key):
        faster = await faster_precision(options, model, device, compute, tests, key=key)
    return replace(start, options=replace(options, precision=faster))


async def new_session(start: Start, thread: WorkThread, *, key: str) -> Session:
    """Make a session on the thread that will use it.

    Raises:
        ConfigError: the weights do not fit their network; names the key.
    """
    make = partial(Session, start.options, weights=start.weights, device=start.device)
    with _refusing(start, key=key):
        return await thread.call(make)


@contextmanager
def _refusing(start: Start, *, key: str) -> Iterator[None]:
    """Turn the error of weights that do not fit their network into a complaint."""
    try:
        yield
    except StateError as exc:
        problem = f"{start.options.weights} cannot be used: {exc}; name other weights"
        raise ConfigError(Complaint(key, problem)) from exc


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


def _of_sender(options: Any, sender: str) -> Any:
    """Return the options of a sink that writes files, for those of one sender alone."""
    if isinstance(options, DirectorySinkOptions):
        return replace(options, path=f"{options.path}/{sender}")
    if isinstance(options, StatsOptions):
        path = Path(options.path)
        return replace(
            options, path=str(path.with_name(f"{path.stem}.{sender}{path.suffix}"))
        )
    return options
