"""Settings -> the objects that run them. The only module that knows every part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import torch

from srstream.engine import Estimate, Session, choose_device, estimate, prepare_thread
from srstream.engine.options import SessionOptions
from srstream.engine.selftest import (
    LARGEST_DIFFERENCE,
    Precise,
    PrecisionTest,
    compare_precisions,
)
from srstream.engine.weights import Weights
from srstream.errors import Complaint, ConfigError, StateError
from srstream.frames import Upscaled
from srstream.models.catalogue import Model
from srstream.models.find import find_model
from srstream.ports import Sink, StreamContext
from srstream.runtime.allocator import keep_freed_memory
from srstream.runtime.cadence import Cadence
from srstream.runtime.compute import Compute
from srstream.runtime.cpus import processor, usable_cpus
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.statekeeper import StateKeeper
from srstream.settings import Settings, StreamSettings
from srstream.settings.keys import below
from srstream.sinks import SINKS, DirectorySink
from srstream.sinks.stats_line import stats_line
from srstream.sources import SOURCES
from srstream.stores.checkpoints import FileCheckpoints
from srstream.stores.ledger import Ledger
from srstream.stores.selftests import SelfTests
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
    model: Model | None
    """Of its weights, read once: a file may be another one later."""


def specs(settings: Settings) -> dict[str, StreamSpec]:
    """Return the streams of a configuration, by name. Blocks: it reads weights.

    Raises:
        ConfigError: there is no such device, or there are no such weights.
    """
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
    pipeline: Pipeline
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
        ledger = self._ledger.stream(name)
        context = StreamContext(name, CLOCK, spec.base, ledger)
        sinks = [_make(SINKS, options, context) for options in chosen.sinks]
        context = replace(context, done_before=partial(_all_hold, sinks))
        log = structlog.get_logger()
        pipeline = Pipeline(
            name,
            source=_make(SOURCES, chosen.source, context),
            processor=await new_session(start, key=key),
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
        return Stream(name, pipeline, spec, start)

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
        faster = await _faster(start, model, tests, key=key)
    return replace(start, options=replace(options, precision=faster))


async def new_session(start: Start, *, key: str) -> Session:
    """Make a session on the thread that will use it.

    Raises:
        ConfigError: the weights do not fit their network; names the key.
    """
    make = partial(Session, start.options, weights=start.weights, device=start.device)
    with _refusing(start, key=key):
        return await start.compute.call(make)


@contextmanager
def _refusing(start: Start, *, key: str) -> Iterator[None]:
    """Turn the error of weights that do not fit their network into a complaint."""
    try:
        yield
    except StateError as exc:
        problem = f"{start.options.weights} cannot be used: {exc}; name other weights"
        raise ConfigError(Complaint(key, problem)) from exc


async def _faster(start: Start, model: Model, tests: SelfTests, *, key: str) -> Precise:
    """Return the precision that is faster here; measured only once, in slices."""
    case = _case(model, start.device)
    found = _known(await asyncio.to_thread(tests.recall, case))
    if found is None:
        work = compare_precisions(start.options, start.device, weights=model.weights)
        found = await start.compute.run((key, "self-test"), work)
        log = structlog.get_logger().bind(device=str(start.device))
        log.info(
            "precision chosen by a self-test",
            precision=found.precision,
            float32_ms=round(found.float32_ms, 2),
            bfloat16_ms=round(found.bfloat16_ms, 2),
            difference=round(found.difference, 3),
            largest_difference=LARGEST_DIFFERENCE,
        )
        try:
            await asyncio.to_thread(tests.remember, case, asdict(found))
        except OSError as error:
            log.info("self-test not kept: done again at the next start", reason=str(error))
    return found.precision


def _known(kept: Mapping[str, Any] | None) -> PrecisionTest | None:
    """Return what was kept; none if that is nothing, or changed by hand."""
    try:
        found = PrecisionTest(**kept or {})
    except TypeError:
        return None
    return found if found.precision in ("float32", "bfloat16") else None


def _case(model: Model, device: torch.device) -> dict[str, Any]:
    """Return all that decides which precision is faster, and whether the results agree."""
    is_gpu = device.type == "cuda"
    return {
        "processor": torch.cuda.get_device_name(device) if is_gpu else processor(),
        "threads": usable_cpus(),
        "torch": torch.__version__,
        "model": model.sha256,  # its network, scale and weights
    }


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
