"""The one thread that uses the ledger's file: all that waits goes in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar

import structlog

from srstream.errors import StateDirError
from srstream.stores.sqlite_errors import is_malformed, may_pass

Result = TypeVar("Result")

Work: TypeAlias = Callable[[sqlite3.Connection], Result]
"""Something to be done inside a transaction; it may be done again after a roll-back."""

_LINGER = 1.0
"""Seconds that work waits for company when nobody waits for it: a commit costs a sync."""
_FIRST_PAUSE = 0.1
"""Seconds between the first two attempts to write; then it doubles."""
_LONGEST_PAUSE = 5.0


class Writer:
    """Does work in the order in which it comes, and tells when it is on the disk.

    What cannot be written for want of space, rights or luck is tried again for ever.
    """

    def __init__(
        self, connection: sqlite3.Connection, name: str, *, malformed: Callable[[str], None]
    ) -> None:
        """Take a connection over.

        Args:
            connection: Used by nobody else from now on.
            name: What it leads to, for messages.
            malformed: Told the reason, on the writer's thread, when the file turns out to
                be broken; nothing more is done then.
        """
        self._connection = connection
        self._name = name
        self._malformed = malformed
        self._log = structlog.get_logger().bind(file=name)
        self._changed = threading.Condition()
        # Guarded by the condition:
        self._waiting: list[_Job] = []
        self._hurry = False
        self._give_up_at: float | None = None  # set: it is closing
        self._broken = ""
        # The process must be able to end while a disk is full.
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    async def do(self, work: Work[Result]) -> Result:
        """Do work; what it did is on the disk when this returns.

        Raises:
            StateDirError: the file is broken, or closed.
            Exception: what the work raised; nothing of it was done.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._add(_Job(work, loop, future))
        return await future

    def post(self, work: Work[object]) -> None:
        """Do work that nobody waits for: with the next that somebody does, or shortly."""
        with suppress(StateDirError):  # told to whoever waits for something
            self._add(_Job(work))

    def close(self, within: float) -> bool:
        """Write what waits and end. Blocks, for hardly more than `within` seconds.

        Returns true if all was written. Whoever still waits gets `StateDirError`.
        """
        with self._changed:
            if self._give_up_at is None:
                self._give_up_at = time.monotonic() + within
            self._changed.notify_all()
        self._thread.join(within + 1.0)
        return not self._thread.is_alive() and not self._broken

    def _add(self, job: _Job) -> None:
        with self._changed:
            if self._broken or self._give_up_at is not None:
                raise self._unusable()
            self._waiting.append(job)
            self._hurry = self._hurry or job.future is not None
            self._changed.notify_all()

    def _unusable(self) -> StateDirError:
        return StateDirError(f"{self._name}: {self._broken or 'the ledger is closed'}")

    def _run(self) -> None:
        try:
            while group := self._next_group():
                self._write(group)
        except BaseException as error:  # noqa: BLE001 - told to everyone who waits
            self._end(repr(error))
        with suppress(sqlite3.Error):
            self._connection.close()

    def _next_group(self) -> list[_Job]:
        """Wait for work; none when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._give_up_at is not None)
            self._changed.wait_for(
                lambda: self._hurry or self._give_up_at is not None, _LINGER
            )
            self._hurry = False
            group, self._waiting = self._waiting, []
            return group

    def _write(self, group: list[_Job]) -> None:
        """Try until it succeeds, the file is broken, or it is closing and time is up."""
        failed_at: float | None = None
        pause = _FIRST_PAUSE
        while True:
            try:
                outcomes = self._transaction(group)
            except sqlite3.Error as error:
                self._roll_back()
                if is_malformed(error):
                    self._log.error("ledger is broken", reason=str(error))
                    self._malformed(str(error))
                    reason = f"the ledger is broken: {error}; restart to begin a new one"
                    self._end(reason, group)
                    return
                if failed_at is None:
                    failed_at = time.monotonic()
                    self._log.error(
                        "state folder cannot be written: waiting", reason=str(error)
                    )
                if not self._may_try_again(pause):
                    self._end(f"the ledger could not be written: {error}", group)
                    return
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                if failed_at is not None:
                    waited = round(time.monotonic() - failed_at, 1)
                    self._log.info("state folder can be written again", seconds=waited)
                for job, word in zip(group, outcomes, strict=True):
                    job.tell(word)
                return

    def _transaction(self, group: list[_Job]) -> list[Callable[[], None] | None]:
        """Do and commit all; return what is to be told to whom."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        outcomes = []
        for job in group:
            execute("SAVEPOINT job")
            try:
                outcomes.append(job.succeeded(job.work(self._connection)))
            except Exception as error:
                if isinstance(error, sqlite3.Error) and (
                    may_pass(error) or is_malformed(error)
                ):
                    raise
                # A bug: it concerns whoever waits for this, and not the others.
                execute("ROLLBACK TO job")
                outcomes.append(job.failed(error))
                if job.future is None:
                    self._log.exception("something could not be noted")
            execute("RELEASE job")
        execute("COMMIT")
        return outcomes

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _may_try_again(self, pause: float) -> bool:
        """Wait; false when it is closing and the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._give_up_at is not None, pause)
            if self._give_up_at is None:
                return True
            left = self._give_up_at - time.monotonic()
        time.sleep(min(max(left, 0.0), _FIRST_PAUSE))
        return left > 0

    def _end(self, reason: str, group: list[_Job] | None = None) -> None:
        with self._changed:
            self._broken = reason
            waiting, self._waiting = self._waiting, []
            if self._give_up_at is None:
                self._give_up_at = time.monotonic()
        for job in [*(group or ()), *waiting]:
            job.tell(job.failed(self._unusable()))


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Work, and who waits for it in which loop, if anybody does."""

    work: Work[Any]
    loop: asyncio.AbstractEventLoop | None = None
    future: asyncio.Future[Any] | None = None

    def succeeded(self, result: object) -> Callable[[], None] | None:
        return None if self.future is None else partial(self.future.set_result, result)

    def failed(self, error: Exception) -> Callable[[], None] | None:
        return None if self.future is None else partial(self.future.set_exception, error)

    def tell(self, word: Callable[[], None] | None) -> None:
        if word is None or self.loop is None:
            return

        def tell() -> None:
            if self.future is not None and not self.future.done():
                word()

        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(tell)
