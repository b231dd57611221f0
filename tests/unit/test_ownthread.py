from __future__ import annotations

import asyncio
import threading

import pytest

from fakes import Gate
from srstream.ownthread import OwnThread


async def test_all_work_is_done_on_one_thread_that_is_not_the_loops() -> None:
    thread = OwnThread("disk")
    first = await thread.run(threading.get_ident)
    assert await thread.run(threading.get_ident) == first != threading.get_ident()
    thread.close()


async def test_it_is_drained_when_work_is_done_that_nobody_waits_for() -> None:
    thread, hold, done = OwnThread("disk"), Gate(), []

    def work() -> None:
        hold.wait()
        done.append("work")

    given_up = asyncio.create_task(thread.run(work))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    hold.open()
    await thread.drained()
    assert done == ["work"]
    thread.close()
