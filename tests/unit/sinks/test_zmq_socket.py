from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from srstream.errors import LinkError
from srstream.sinks.zmq_socket import KeptOpen


class Door:
    """Makes channels that are numbers, and notes who opened and closed which."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.refusals = refusals
        self.events: list[str] = []
        self.tasks: set[asyncio.Task[Any] | None] = set()
        self.opening = asyncio.Event()
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.closing = asyncio.Event()
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.breakdown: asyncio.Future[None] | None = None
        self._number = 0

    def __call__(self) -> AbstractAsyncContextManager[Any]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Any]:
        self.opening.set()
        await self.may_open.wait()
        if self.refusals:
            self.refusals -= 1
            raise LinkError("in use")
        self.tasks = {asyncio.current_task()}
        self._number += 1
        number = self._number
        self.events.append(f"open {number}")
        try:
            async with asyncio.TaskGroup() as group:
                if self.breakdown is not None:
                    group.create_task(self._break_down(self.breakdown))
                yield number
                self.closing.set()
                await self.may_close.wait()
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            self.tasks.add(asyncio.current_task())
            self.events.append(f"closed {number}")

    async def _break_down(self, when: asyncio.Future[None]) -> None:
        await when


async def test_it_is_opened_once_and_used_by_many_tasks() -> None:
    door = Door()
    kept = KeptOpen(door)
    channels = [await asyncio.create_task(kept.channel()) for _ in range(3)]
    assert channels == [1, 1, 1]
    await asyncio.create_task(kept.close())
    assert door.events == ["open 1", "closed 1"]


async def test_one_and_the_same_task_opens_and_closes_it() -> None:
    door = Door()
    kept = KeptOpen(door)
    await asyncio.create_task(kept.channel())
    await asyncio.create_task(kept.close())
    assert len(door.tasks) == 1


async def test_after_closing_it_is_opened_anew() -> None:
    door = Door()
    kept = KeptOpen(door)
    await kept.channel()
    await kept.close()
    assert await kept.channel() == 2
    await kept.close()
    await kept.close()
    assert door.events == ["open 1", "closed 1", "open 2", "closed 2"]


async def test_closing_what_was_never_opened_is_nothing() -> None:
    door = Door()
    await KeptOpen(door).close()
    assert door.events == []


async def test_what_cannot_be_opened_is_tried_again() -> None:
    door = Door(refusals=2)
    kept = KeptOpen(door)
    for _ in range(2):
        with pytest.raises(LinkError, match="in use"):
            await kept.channel()
    assert await kept.channel() == 1
    await kept.close()


async def test_what_breaks_down_is_said_and_opened_anew() -> None:
    door = Door()
    door.breakdown = asyncio.get_running_loop().create_future()
    kept = KeptOpen(door)
    await kept.channel()
    door.breakdown.set_exception(LinkError("the relay died"))
    (task,) = door.tasks
    assert task is not None
    await asyncio.wait((task,))
    door.breakdown = None
    with pytest.raises(LinkError, match="the relay died"):
        await kept.channel()
    assert await kept.channel() == 2
    await kept.close()


async def test_an_opening_that_is_given_up_can_be_closed() -> None:
    door = Door()
    door.may_open.clear()
    kept = KeptOpen(door)
    opening = asyncio.create_task(kept.channel())
    await door.opening.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await kept.close()
    assert door.events == []


async def test_a_closing_that_is_given_up_lingers_no_more() -> None:
    door = Door()
    door.may_close.clear()
    kept = KeptOpen(door)
    await kept.channel()
    (task,) = door.tasks
    assert task is not None
    closing = asyncio.create_task(kept.close())
    await door.closing.wait()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await asyncio.wait((task,))
    assert door.events == ["open 1", "closed 1"]


async def test_one_that_is_let_go_closes_while_the_next_is_used() -> None:
    door = Door()
    door.may_close.clear()
    kept = KeptOpen(door)
    assert await kept.channel() == 1
    kept.let_go()
    assert await kept.channel() == 2
    assert door.events == ["open 1", "open 2"]
    door.may_close.set()
    await kept.close()
    assert door.events[:2] == ["open 1", "open 2"]
    assert sorted(door.events[2:]) == ["closed 1", "closed 2"]


async def test_letting_go_what_is_not_open_is_nothing() -> None:
    door = Door()
    kept = KeptOpen(door)
    kept.let_go()
    await kept.close()
    assert door.events == []
