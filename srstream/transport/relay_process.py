"""The process of a relay: started, listened to, and started anew when it dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

import srstream
from srstream.errors import LinkError
from srstream.transport.limited import LimitedLog
from srstream.transport.orders import Orders

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 4.0
"""Seconds until it is started anew, doubled from one death to the next."""
_SOUND = 30.0
"""Seconds after which one that lived so long counts as sound."""
_TAIL = 2_000
"""Bytes of what it said last on stderr."""


class RelayProcess:
    """Keeps a relay running."""

    def __init__(
        self, orders: Orders, log: FilteringBoundLogger, *, clock: Callable[[], float]
    ) -> None:
        """Start nothing yet.

        Args:
            orders: of the first; those after it bind where it was bound.
            log: is told when one dies, and what they tell.
            clock: seconds.
        """
        self.pid: int | None = None
        """Of the present one; none while there is none that is bound."""
        self._orders = orders
        self._log = log
        self._died = LimitedLog(log, "the relay died", clock=clock)
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._bound: asyncio.Future[tuple[str, ...]]
        self._bound = asyncio.get_running_loop().create_future()
        self._said = orders.memory
        """What the present one was told last."""
        self._is_last = False

    async def bound(self) -> tuple[str, ...]:
        """Return where it is bound, once it is.

        Raises:
            LinkError: it cannot be.
        """
        return await asyncio.shield(self._bound)

    def allow(self, memory: int) -> None:
        """Let it use so many bytes."""
        self._orders = replace(self._orders, memory=memory)
        if self.pid is not None:
            self._say_changes()

    def _say_changes(self) -> None:
        process, wanted = self._process, self._orders.memory
        if wanted != self._said and process is not None and process.stdin is not None:
            self._said = wanted
            process.stdin.write(b"%d\n" % wanted)

    def let_end(self) -> None:
        """Start no other one after this."""
        self._is_last = True

    async def keep(self) -> None:
        """Keep one running, until it is the last; kills it when cancelled."""
        pause = FIRST_PAUSE
        while True:
            began = self._clock()
            try:
                reason = await self._live()
            except Exception as error:  # noqa: BLE001 - no memory, no handles: tried again
                reason = f"it cannot be started: {error!r}"
            if not self._bound.done():
                self._bound.set_exception(LinkError(reason))
                return
            if self._is_last:
                return
            if self._clock() - began >= _SOUND:
                pause = FIRST_PAUSE
            self._died.count(reason, endpoints=self._orders.endpoints, anew_in=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _live(self) -> str:
        """Start one, and return what it died of."""
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "srstream.transport.relayed"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # keys on the terminal are for us
            env=_environment(),
        )
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        try:
            self._said = self._orders.memory
            process.stdin.write(json.dumps(asdict(self._orders)).encode() + b"\n")
            async with asyncio.TaskGroup() as group:
                heard = group.create_task(self._listen(process.stdout, process.pid))
                tail = group.create_task(_tail(process.stderr))
            status = await process.wait()
        finally:
            self.pid = self._process = None
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return heard.result() or _told(status, tail.result())

    async def _listen(self, lines: asyncio.StreamReader, pid: int) -> str | None:
        """Hear it to the end; return why it could not be bound, if it said so."""
        error = None
        async for line in lines:
            said: dict[str, Any] = json.loads(line)
            if "bound" in said:
                self._is_bound(tuple(said["bound"]), pid)
            elif "error" in said:
                error = str(said["error"])
            else:
                self._log.warning(said.pop("event"), **said)
        return error

    def _is_bound(self, endpoints: tuple[str, ...], pid: int) -> None:
        if not self._bound.done():
            self._bound.set_result(endpoints)
        if endpoints:
            self._orders = replace(self._orders, endpoints=list(endpoints))
        self.pid = pid
        self._say_changes()  # since it was started


def _environment() -> dict[str, str]:
    """Return ours, with the package where we have it from, and not from the folder.

    Without faulthandler: its last line is to say what it died of, and not where.
    """
    here = str(Path(srstream.__file__).parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONFAULTHANDLER": "",
    }


async def _tail(lines: asyncio.StreamReader) -> str:
    """Read to the end; return the last line."""
    last = b""
    while came := await lines.read(_TAIL):
        last = (last + came)[-_TAIL:]
    return (last.strip().splitlines() or [b""])[-1].decode("utf-8", "replace")


def _told(status: int, last: str) -> str:
    name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return f"{name}: {last}" if last else name
