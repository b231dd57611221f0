"""The daemon: build the streams, run them, stop in good order when asked to."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path
from typing import Any

import structlog

from srstream.build import CLOCK, Computes, Stream, build_stream
from srstream.runtime.signals import StopSignals
from srstream.runtime.supervisor import Supervisor
from srstream.settings import Settings

EXAMPLE_SIDE = 512
"""The expected time is told for a frame of this size."""


def run_daemon(settings: Settings) -> int:
    """Serve until stopped; return the exit status, with which to leave at once.

    0: stopped by a signal. 1: a stream failed. A slice of many seconds may still be on a
    thread then; leaving by the usual way would take torch's memory away from under it.

    Raises:
        ConfigError: there is no such device.
    """
    computes = Computes()
    try:
        failed = asyncio.run(_serve(settings, computes))
    finally:
        computes.close(within=1.0)
    return 1 if failed else 0


async def _serve(settings: Settings, computes: Computes) -> int:
    """Return how many streams failed."""
    log = structlog.get_logger()
    async with StopSignals(_leave_at_once) as signals:
        stop = asyncio.create_task(signals.wait())
        build = asyncio.create_task(_build(settings, computes))
        await asyncio.wait({stop, build}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            await _cancelled(build)
            log.info("stopped before the streams were ready")
            return 0
        streams = build.result()
        supervisor = Supervisor(
            {stream.name: stream.pipeline for stream in streams}, clock=CLOCK, log=log
        )
        run = asyncio.create_task(supervisor.run())
        telling = [asyncio.create_task(_tell_expected(stream)) for stream in streams]
        await asyncio.wait({stop, run}, return_when=asyncio.FIRST_COMPLETED)
        await _cancelled(*telling)
        if stop.done():
            log.info("stopping", grace=settings.daemon.grace)
            await supervisor.stop(settings.daemon.grace)
        stop.cancel()
        return await run


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks whose results or errors nobody needs any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _build(settings: Settings, computes: Computes) -> list[Stream]:
    run = uuid.uuid4().hex[:12]
    streams = []
    for name in settings.streams:
        stream = await build_stream(name, settings, computes=computes, run=run)
        _announce(stream, settings.base)
        streams.append(stream)
    return streams


def _announce(stream: Stream, base: Path) -> None:
    chosen = stream.settings
    structlog.get_logger().info(
        "stream ready",
        stream=stream.name,
        watches=str(_absolute(base, chosen.source.path)),
        writes=[str(_absolute(base, sink.path)) for sink in chosen.sinks],
        scale=chosen.session.scale,
        preset=chosen.session.preset,
        device=str(stream.device),
    )


async def _tell_expected(stream: Stream) -> None:
    """Say what a frame will take; frames do not wait for it."""
    expected = (await stream.expect()).frame(EXAMPLE_SIDE, EXAMPLE_SIDE)
    structlog.get_logger().info(
        "expected time per frame",
        stream=stream.name,
        seconds=float(f"{expected:.2g}"),
        of_size=f"{EXAMPLE_SIDE}x{EXAMPLE_SIDE}",
    )


def _absolute(base: Path, path: str) -> Path:
    return Path(os.path.normpath(base / path))


def _leave_at_once(number: int) -> None:
    """Second signal. Temporary files are swept at the next start."""
    structlog.get_logger().warning("stopped at once", signal=number)
    os._exit(128 + number)
