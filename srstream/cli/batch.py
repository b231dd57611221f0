"""What `srstream upscale` does: the daemon's pipeline on a list, with progress and sums."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from srstream.build import (
    CLOCK,
    device_of,
    model_of_session,
    new_session,
    prepare,
)
from srstream.cli.resume import Memory, Remembering, check_kept
from srstream.cli.scores import ScoreSink
from srstream.cli.serve import state_home
from srstream.cli.summary import Summary, make_parent
from srstream.computes import Computes
from srstream.engine import Session
from srstream.engine.options import Mode, Precision, SessionOptions
from srstream.engine.presets import PRESETS
from srstream.errors import Complaint, ConfigError, StateError
from srstream.evaluation.reference import References
from srstream.exits import Exit
from srstream.frames import Upscaled
from srstream.media.printable import printable
from srstream.ports import StreamContext
from srstream.runtime.pipeline import Pipeline
from srstream.runtime.signals import Signals
from srstream.settings.weights import check_weights, with_weights
from srstream.settings.wording import unknown
from srstream.sinks import DirectorySink, DirectorySinkOptions
from srstream.sources import PictureList, expand
from srstream.sources.files import MAX_PIXELS
from srstream.stores.selftests import SelfTests
from srstream.stores.state_dir import SELFTESTS
from srstream.stores.unrecorded import Unrecorded

STREAM = "upscale"
WEIGHTS = "--weights"
QUEUE_BYTES = 256 * 10**6
GRACE = 20.0
"""Seconds that the frame in hand gets to finish after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The command's arguments."""

    pictures: tuple[Path, ...]
    output: Path
    scale: int
    preset: str
    weights: str | None
    precision: Precision | None
    device: str
    mode: Mode | None
    steps: int | None
    seed: int
    reference: Path | None
    json: Path | None
    overwrite: bool

    def session_options(self) -> SessionOptions:
        """Return the preset with what was overridden.

        Raises:
            ConfigError: there is no such preset, a value is out of range, or there are no
                such weights.
        """
        if self.preset not in PRESETS:
            raise ConfigError(
                Complaint(
                    "--preset", f"{self.preset!r}: {unknown(self.preset, list(PRESETS))}"
                )
            )
        options = PRESETS[self.preset]
        if self.weights is not None:
            options = with_weights(options, self.weights, key=WEIGHTS)
        adapt = options.adapt
        try:
            options = replace(
                options,
                scale=self.scale,
                seed=self.seed,
                precision=self.precision or options.precision,
                adapt=replace(
                    adapt,
                    mode=self.mode or adapt.mode,
                    steps=adapt.steps if self.steps is None else self.steps,
                ),
            )
        except ValueError as exc:
            raise ConfigError(Complaint("", str(exc))) from exc
        if self.weights is not None:
            own = ", ".join(name for name, each in PRESETS.items() if each.net is not None)
            remedy = f"choose a preset that has one: {own}"
            check_weights(options, key=WEIGHTS, remedy=remedy)
        return options


def run_batch(batch: Batch) -> Exit:
    """Upscale the pictures; return the exit status.

    `DONE`: all of them. `FAILED`: some failed. `INTERRUPTED`: stopped by a signal.

    Raises:
        ConfigError: wrong arguments, or weights or originals that do not fit.
        SinkError: the output folder cannot be made, or the summary not be written.
    """
    options = batch.session_options()
    files = expand(batch.pictures)
    if batch.json is not None:
        make_parent(batch.json)
    computes = Computes()
    try:
        return asyncio.run(_run(batch, options, files, computes))
    finally:
        computes.close(within=10.0)


async def _run(
    batch: Batch, options: SessionOptions, files: list[Path], computes: Computes
) -> Exit:
    console = Console(stderr=True)
    device = device_of(batch.device, key="--device")
    ledger = Unrecorded()
    context = StreamContext(stream=STREAM, clock=CLOCK, base=Path.cwd(), ledger=ledger)
    folder = DirectorySink(DirectorySinkOptions(str(batch.output)), context)
    source = PictureList(
        files,
        clock=CLOCK,
        skip=None if batch.overwrite else partial(_is_done, folder),
    )
    references = None
    if batch.reference is not None:
        references = References(batch.reference, max_pixels=MAX_PIXELS * batch.scale**2)
        references.check(source.names)
        named = zip(source.names, files, strict=True)
        await asyncio.to_thread(references.check_sizes, named, scale=batch.scale)
    scores = ScoreSink(references, scale=batch.scale)
    summary = Summary(preset=batch.preset, mode=options.adapt.mode, device=str(device))
    compute = computes.on(device)
    tests = SelfTests(_selftests(os.environ))
    model = await asyncio.to_thread(model_of_session, options, Path.cwd(), WEIGHTS)
    start = await prepare(options, model, device, compute, tests, key=WEIGHTS)
    session = await new_session(start, start.compute, key=WEIGHTS)
    await folder.open()  # the pipeline does it too, but this is before the work
    memory = Memory(batch.output, options)
    if source.kept:
        check_kept(source.kept, folder.path_of, scale=batch.scale)
        console.print(f"{len(source.kept)} of {len(files)} are done already")
        await compute.call(_recall, memory, session)
        for path, name in source.kept:
            score = await scores.score_files(name, path, folder.path_of(name))
            summary.add_kept(path, folder.path_of(name), score)
    pipeline: Pipeline
    with _progress(console) as progress:
        task = progress.add_task("", total=source.backlog)

        def observe(item: Upscaled) -> None:
            frame = item.frame.id
            summary.add(item, folder.path_of(frame.name), scores.taken(frame.name))
            progress.update(
                task,
                completed=pipeline.counters.finished,
                description=printable(Path(frame.source).name),
            )

        pipeline = Pipeline(
            STREAM,
            source=source,
            processor=Remembering(session, memory),
            compute=compute,
            sinks=[folder, scores],
            ledger=ledger,
            patient=False,
            clock=CLOCK,
            queue_bytes=QUEUE_BYTES,
            log=structlog.get_logger(),
            observer=observe,
        )
        started = time.monotonic()
        stopped = await _run_until_stopped(pipeline)
        summary.seconds = time.monotonic() - started
    failed = pipeline.counters.failed.total()
    if not stopped and not failed:
        memory.forget()
    summary.print_to(console, scored=references is not None)
    if batch.json is not None:
        summary.write_to(batch.json)
    if failed:
        console.print(f"{failed} of {len(files)} pictures failed", style="red")
    if stopped:
        console.print("stopped; run the same command again to continue")
        return Exit.INTERRUPTED
    return Exit.FAILED if failed else Exit.DONE


def _selftests(environ: Mapping[str, str]) -> Path | None:
    """Return the user's file of self-tests; none where nobody knows a place for it."""
    try:
        return state_home(environ) / "srstream" / SELFTESTS
    except ConfigError:
        return None


def _is_done(folder: DirectorySink, picture: Path, name: str) -> bool:
    """Tell whether the result stands and the picture did not change since."""
    try:
        return folder.holds(name, picture.stat().st_mtime_ns)
    except OSError:
        return False  # reading it will say why


def _recall(memory: Memory, session: Session) -> None:
    """Load the weights an earlier run stopped with, if they are there and fit."""
    state = memory.recall()
    if state is None:
        return
    try:
        session.load(state)
    except StateError as error:
        structlog.get_logger().warning(
            "the weights of the run before do not fit; starting from the initial ones",
            reason=str(error),
        )


async def _run_until_stopped(pipeline: Pipeline) -> bool:
    """Run to the end; true if a signal ended it. A second signal ends it at once."""
    async with Signals(lambda number: os._exit(128 + number), reload=False) as signals:
        stop = asyncio.create_task(signals.wait_for_stop())
        run = asyncio.create_task(pipeline.run())
        await asyncio.wait({stop, run}, return_when=asyncio.FIRST_COMPLETED)
        stopped = not run.done()
        if stopped:
            await pipeline.drain(GRACE)
        stop.cancel()
        await run
        return stopped


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(max_width=30, no_wrap=True, overflow="ellipsis"),
        ),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
