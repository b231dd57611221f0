from __future__ import annotations

import asyncio
import os
import signal

import pytest

from srstream.runtime.signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_and_the_second_insists(number: int) -> None:
    insisted: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.timeout(10), StopSignals(insisted.put_nowait) as signals:
        os.kill(os.getpid(), number)
        await signals.wait()
        assert insisted.empty()
        os.kill(os.getpid(), signal.SIGINT)
        assert await insisted.get() == signal.SIGINT
        await signals.wait()


async def test_signals_are_handed_back_at_the_end() -> None:
    async with StopSignals(lambda number: None):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
