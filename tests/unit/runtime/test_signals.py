from __future__ import annotations

import asyncio
import os
import signal

import pytest

from fakes import FakeClock
from srstream.runtime.signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_and_the_second_insists(number: int) -> None:
    insisted: asyncio.Queue[int] = asyncio.Queue()
    clock = FakeClock()
    async with (
        asyncio.timeout(10),
        StopSignals(insisted.put_nowait, clock=clock) as signals,
    ):
        os.kill(os.getpid(), number)
        await signals.wait()
        assert insisted.empty()
        clock.advance(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        assert await insisted.get() == signal.SIGINT
        await signals.wait()


async def test_one_request_that_is_signalled_twice_does_not_insist() -> None:
    insisted: asyncio.Queue[int] = asyncio.Queue()
    clock = FakeClock()
    async with (
        asyncio.timeout(10),
        StopSignals(insisted.put_nowait, clock=clock) as signals,
    ):
        os.kill(os.getpid(), signal.SIGTERM)
        await signals.wait()
        os.kill(os.getpid(), signal.SIGTERM)  # as timeout(1) does: the process, the group
        await _heard_so_far()
        assert insisted.empty()


async def _heard_so_far() -> None:
    """Signals are heard of in their order: wait for one more."""
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, heard.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await heard.wait()
    loop.remove_signal_handler(signal.SIGUSR1)


async def test_signals_are_handed_back_at_the_end() -> None:
    async with StopSignals(lambda number: None):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
