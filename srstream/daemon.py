"""The daemon: keep the streams of a configuration running, until asked to stop."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from srstream.build import CLOCK, Builder, Stream, StreamSpec, specs
from srstream.computes import Computes
from srstream.errors import Complaint, ConfigError, DeviceLostError, SrstreamError
from srstream.exits import Exit
from srstream.quantities import duration
from srstream.runtime.minder import Runnable
from srstream.runtime.plainly import plainly
from srstream.runtime.plan import Plan
from srstream.runtime.sdnotify import SdNotify
from srstream.runtime.service import Service
from srstream.runtime.signals import Signals
from srstream.runtime.statusline import StatusLine
from srstream.runtime.supervisor import Supervisor
from srstream.settings import Settings
from srstream.sinks import ZmqSinkOptions
from srstream.sources import ZmqOptions
from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir

EXAMPLE_SIDE = 512
"""The expected time is told for a frame of this size."""
_CLOSING = 0.1
"""Share of the time to stop in that is kept for the ledger, whose disk may be full."""
_DAY = 86_400.0
_FIRST_PRUNING = 60.0
"""Seconds after the start, when the streams have found their feet."""


def run_daemon(
    load: Callable[[], Settings], *, reloads: bool = True, notify: SdNotify | None = None
) -> int:
    """Serve until stopped; return the exit status, with which to leave at once.

    A slice of many seconds may still be on a thread then; leaving by the usual way would
    take torch's memory away from under it.

    Args:
        load: Reads the configuration: now, and again at each SIGHUP.
        reloads: There is a file to read again; else SIGHUP stops.
        notify: The service manager, which is told how the daemon gets on; none: nobody is.

    Raises:
        ConfigError: the configuration is wrong, or names a device or weights that are not
            there.
        StateDirError: the state folder cannot be used, or is in use.
    """
    settings = load()
    wanted = specs(settings)  # before anything is made
    with StateDir.open(settings.base / settings.daemon.state_dir) as state_dir:
        computes = Computes()
        ledger = Ledger.open(state_dir.ledger)
        try:
            daemon = _Daemon(
                settings, load, computes, ledger, state_dir, notify or SdNotify()
            )
            return asyncio.run(daemon.serve(wanted, reloads=reloads))
        finally:
            ledger.close_now(within=0.5)
            computes.close(within=1.0)


class _Daemon:
    """One run of the daemon."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        computes: Computes,
        ledger: Ledger,
        state_dir: StateDir,
        notify: SdNotify,
    ) -> None:
        self._settings = settings
        self._load = load
        self._ledger = ledger
        self._state_dir = state_dir
        self._builder = Builder(computes, ledger, state_dir, run=uuid.uuid4().hex[:12])
        self._log = structlog.get_logger()
        self._supervisor: Supervisor[StreamSpec] = Supervisor(
            self._make, clock=CLOCK, log=self._log, grace=settings.daemon.grace
        )
        self._status = StatusLine(CLOCK())
        self._service = Service(
            notify,
            still_since=computes.still_since,
            status=self._say_status,
            clock=CLOCK,
            log=self._log,
        )
        self._telling: set[asyncio.Task[None]] = set()
        self._made: dict[str, Stream] = {}
        """The latest of each name."""

    async def serve(self, wanted: Mapping[str, StreamSpec], *, reloads: bool) -> Exit:
        """Run until stopped, or until no stream is left."""
        # A file on a share that hangs must not keep the process alive.
        asyncio.get_running_loop().set_default_executor(_Impatient())
        async with Signals(_leave_at_once, reload=reloads) as signals:
            beating = asyncio.create_task(self._service.run())
            stop = asyncio.create_task(signals.wait_for_stop())
            work = asyncio.create_task(self._work(wanted, signals))
            await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
            self._service.stopping()
            grace = self._settings.daemon.grace
            if stop.done():
                self._log.info("stopping", grace=grace)
            await _cancelled(stop, *self._telling)
            await self._supervisor.stop(grace * (1.0 - _CLOSING))
            self._builder.close()
            await _cancelled(work)
            with suppress(asyncio.CancelledError):
                work.result()
            await self._ledger.close(grace * _CLOSING)
            await _cancelled(beating)
            return self._supervisor.status

    async def _work(self, wanted: Mapping[str, StreamSpec], signals: Signals) -> None:
        """Start the streams; return when none is left, or the device is lost."""
        await self._apply(wanted)
        with plainly():
            await self._keep_running(signals)

    async def _keep_running(self, signals: Signals) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._warm_up()),
                group.create_task(self._reload_whenever(signals)),
                group.create_task(self._prune_daily()),
            ]
            await self._supervisor.wait()
            for helper in helpers:
                helper.cancel()

    async def _apply(self, wanted: Mapping[str, StreamSpec]) -> Plan:
        self._made.clear()
        plan = await self._supervisor.apply(wanted)
        for stream in self._made.values():
            self._announce(stream)
            telling = asyncio.create_task(_tell_expected(stream))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
        return plan

    async def _warm_up(self) -> None:
        """Say that the daemon is ready when a frame has gone through every stream's engine.

        Weights were read, precisions tested and sessions made before that. Frames that are
        there do not wait for it.

        Raises:
            DeviceLostError: it did not.
        """
        for error in await asyncio.gather(*self._telling, return_exceptions=True):
            if isinstance(error, asyncio.CancelledError):
                return  # it stops before it was ready
            if isinstance(error, DeviceLostError):
                raise error
            if error is not None:  # no memory, perhaps: its frames will say so, too
                self._log.error("a frame of noise was not upscaled", reason=repr(error))
        self._service.ready()

    def _say_status(self, now: float) -> str:
        return self._status.look(now, self._supervisor.states(), self._supervisor.running())

    async def _make(self, name: str, spec: StreamSpec) -> Runnable:
        stream = await self._builder.stream(name, spec)
        self._made[name] = stream
        return stream.pipeline

    async def _reload_whenever(self, signals: Signals) -> None:
        while True:
            await signals.wait_for_reload()
            self._log.info("reloading the configuration")
            self._service.reloading()
            self._service.ready(await self._reload_if_good())

    async def _reload_if_good(self) -> str:
        """Return what is wrong if the old one stays, for the status."""
        stays = "configuration not taken: the old one stays"
        try:
            await self._reload()
        except ConfigError as error:
            for complaint in error.complaints:
                self._log.error(stays, complaint=str(complaint))
            return f"the old configuration: {error.complaints[0]}"
        except SrstreamError as error:
            self._log.error(stays, complaint=str(error))
            return f"the old configuration: {error}"
        except Exception:  # noqa: BLE001 - the streams that run are worth more
            self._log.exception("configuration not taken: this is a bug")
            return "the old configuration: a bug"
        return ""

    async def _reload(self) -> None:
        new = await asyncio.to_thread(self._load)
        wanted = await asyncio.to_thread(specs, new)
        state_dir = new.base / new.daemon.state_dir
        if state_dir != self._settings.base / self._settings.daemon.state_dir:
            problem = f"found {state_dir}; only a restart can move the state folder"
            raise new.locate(ConfigError(Complaint("daemon.state_dir", problem)))
        plan = await self._apply(wanted)
        self._settings = new
        self._log.info("configuration reloaded", **plan.counts())

    async def _prune_daily(self) -> None:
        """Forget what is in the ledger of files that are long gone."""
        pause = _FIRST_PRUNING
        while True:
            await asyncio.sleep(pause)
            pause = _DAY
            if self._settings.daemon.ledger_keep:
                await self._prune(duration(self._settings.daemon.ledger_keep))

    async def _prune(self, seconds: float) -> None:
        try:
            forgotten = await self._ledger.prune(seconds)
        except SrstreamError as error:  # the streams find out for themselves
            self._log.error("old entries of the ledger not forgotten", reason=str(error))
            return
        if forgotten:
            self._log.info("old entries of the ledger forgotten", entries=forgotten)

    def _announce(self, stream: Stream) -> None:
        chosen, base = stream.spec.settings, stream.spec.base
        self._log.info(
            "stream ready",
            stream=stream.name,
            **_source_of(chosen.source, base),
            writes=[where for sink in chosen.sinks for where in _places_of(sink, base)],
            state_dir=str(self._state_dir.path),
            scale=chosen.session.scale,
            preset=chosen.session.preset,
            weights=chosen.session.weights,
            precision=stream.start.options.precision,
            device=str(stream.start.device),
        )


class _Impatient(ThreadPoolExecutor):
    """Does not wait, in the end, for what hangs; the process leaves at once after it."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del wait, cancel_futures
        super().shutdown(wait=False, cancel_futures=True)


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks whose results or errors nobody needs any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _tell_expected(stream: Stream) -> None:
    """Say what a frame will take; frames do not wait for it."""
    expected = (await stream.expect()).frame(EXAMPLE_SIDE, EXAMPLE_SIDE)
    structlog.get_logger().info(
        "expected time per frame",
        stream=stream.name,
        seconds=float(f"{expected:.2g}"),
        of_size=f"{EXAMPLE_SIDE}x{EXAMPLE_SIDE}",
    )


def _source_of(options: Any, base: Path) -> dict[str, Any]:
    """Return what a stream does to get frames, and where."""
    if isinstance(options, ZmqOptions):
        return {"connects" if options.connect else "listens": list(options.endpoints)}
    return {"watches": str(_absolute(base, options.path))}


def _places_of(options: Any, base: Path) -> list[str]:
    """Return where a sink writes: a path, or endpoints."""
    if isinstance(options, ZmqSinkOptions):
        return list(options.endpoints)
    return [str(_absolute(base, options.path))]


def _absolute(base: Path, path: str) -> Path:
    return Path(os.path.normpath(base / path))


def _leave_at_once(number: int) -> None:
    """Second signal. Temporary files are swept at the next start."""
    structlog.get_logger().warning("stopped at once", signal=number)
    os._exit(128 + number)
