from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from srstream.runtime.bytequeue import ByteQueue, QueueClosedError


async def _let_it_wait(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a task and return when it can go no further by itself."""
    task = asyncio.create_task(work)
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_items_come_out_in_the_order_they_went_in() -> None:
    queue: ByteQueue[int] = ByteQueue(100)
    for item in range(5):
        await queue.put(item, 10)
    assert (len(queue), queue.bytes) == (5, 50)
    assert [await queue.get() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert (len(queue), queue.bytes) == (0, 0)


async def test_put_waits_for_room() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    await queue.put("a", 6)
    putting = await _let_it_wait(queue.put("b", 5))
    assert not putting.done()
    assert await queue.get() == "a"
    await putting
    assert queue.bytes == 5


async def test_put_waits_for_room_among_many_small_items_too() -> None:
    queue: ByteQueue[str] = ByteQueue(1000, max_items=2)
    await queue.put("a", 1)
    await queue.put("b", 1)
    putting = await _let_it_wait(queue.put("c", 1))
    assert not putting.done()
    assert await queue.get() == "a"
    await putting
    assert (len(queue), queue.bytes) == (2, 2)


async def test_an_item_above_the_bound_passes_when_the_queue_is_empty() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    await queue.put("small", 1)
    putting = await _let_it_wait(queue.put("huge", 1000))
    assert not putting.done()
    assert await queue.get() == "small"
    await putting
    assert await queue.get() == "huge"


async def test_a_small_item_does_not_overtake_a_big_one_that_waits() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    await queue.put("first", 6)
    big = await _let_it_wait(queue.put("big", 6))
    small = await _let_it_wait(queue.put("small", 1))
    assert not small.done()
    assert [await queue.get() for _ in range(3)] == ["first", "big", "small"]
    await asyncio.gather(big, small)


async def test_getters_wait_and_are_served_in_order() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    getters = [await _let_it_wait(queue.get()) for _ in range(2)]
    await queue.put("a", 1)
    await queue.put("b", 1)
    assert await asyncio.gather(*getters) == ["a", "b"]


async def test_a_closed_queue_is_emptied_and_then_ends() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    await queue.put("a", 1)
    await queue.put("b", 1)
    queue.close()
    assert [item async for item in queue] == ["a", "b"]
    with pytest.raises(QueueClosedError):
        await queue.get()


async def test_closing_wakes_all_who_wait() -> None:
    empty: ByteQueue[str] = ByteQueue(10)
    full: ByteQueue[str] = ByteQueue(10)
    await full.put("a", 10)
    waiting = [
        await _let_it_wait(empty.get()),
        await _let_it_wait(empty.get()),
        await _let_it_wait(full.put("b", 1)),
        await _let_it_wait(full.put("c", 1)),
    ]
    empty.close()
    full.close()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [QueueClosedError] * 4
    assert [item async for item in full] == ["a"]


async def test_a_cancelled_put_has_put_nothing_in() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    await queue.put("a", 10)
    cancelled = await _let_it_wait(queue.put("b", 1))
    after = await _let_it_wait(queue.put("c", 1))
    cancelled.cancel()
    assert await queue.get() == "a"
    await after
    assert await queue.get() == "c"
    assert cancelled.cancelled()
    assert queue.bytes == 0


async def test_a_put_cancelled_as_room_appears_has_put_nothing_in() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    await queue.put("a", 10)
    putting = await _let_it_wait(queue.put("b", 1))
    assert await queue.get() == "a"  # the putter is woken but has not run yet
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert (len(queue), queue.bytes) == (0, 0)


async def test_a_get_cancelled_as_an_item_appears_leaves_it_for_the_next() -> None:
    queue: ByteQueue[str] = ByteQueue(10)
    cancelled = await _let_it_wait(queue.get())
    after = await _let_it_wait(queue.get())
    await queue.put("a", 1)
    cancelled.cancel()
    assert await after == "a"
    with pytest.raises(asyncio.CancelledError):
        await cancelled
