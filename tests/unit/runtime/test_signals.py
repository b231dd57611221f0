from __future__ import annotations

import asyncio
import os
import signal

import pytest

from fakes import FakeClock
from srstream.runtime.signals import Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_and_the_second_insists(number: int) -> None:
    insisted: asyncio.Queue[int] = asyncio.Queue()
    clock = FakeClock()
    async with (
        asyncio.timeout(10),
        Signals(insisted.put_nowait, clock=clock) as signals,
    ):
        os.kill(os.getpid(), number)
        await signals.wait_for_stop()
        assert insisted.empty()
        clock.advance(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        assert await insisted.get() == signal.SIGINT
        await signals.wait_for_stop()


async def test_one_request_that_is_signalled_twice_does_not_insist() -> None:
    insisted: asyncio.Queue[int] = asyncio.Queue()
    clock = FakeClock()
    async with (
        asyncio.timeout(10),
        Signals(insisted.put_nowait, clock=clock) as signals,
    ):
        os.kill(os.getpid(), signal.SIGTERM)
        await signals.wait_for_stop()
        os.kill(os.getpid(), signal.SIGTERM)  # as timeout(1) does: the process, the group
        await _heard_so_far()
        assert insisted.empty()


async def test_hangups_ask_for_a_reload_and_several_at_once_for_one() -> None:
    async with asyncio.timeout(10), Signals(_never) as signals:
        for times in (1, 3):
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGHUP)
            await _heard_so_far()
            await signals.wait_for_reload()
            assert not await _comes(signals.wait_for_reload)
        assert not await _comes(signals.wait_for_stop)


async def test_a_hangup_during_a_reload_asks_for_another() -> None:
    async with asyncio.timeout(10), Signals(_never) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        await signals.wait_for_reload()
        os.kill(os.getpid(), signal.SIGHUP)  # nobody waits now
        await _heard_so_far()
        await signals.wait_for_reload()


async def test_signals_are_handed_back_at_the_end() -> None:
    async with Signals(_never):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_without_anything_to_reload_a_hangup_asks_to_stop() -> None:
    async with asyncio.timeout(10), Signals(_never, reload=False) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        await signals.wait_for_stop()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_a_hangup_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        async with Signals(_never, reload=False):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _never(number: int) -> None:
    raise AssertionError(f"nobody sent signal {number} twice")


async def _comes(wait: object) -> bool:
    """Tell whether a wait is over at once."""
    assert callable(wait)
    task = asyncio.ensure_future(wait())
    for _ in range(3):
        await asyncio.sleep(0)
    return not task.cancel()


async def _heard_so_far() -> None:
    """Signals are heard of in their order: wait for one more."""
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, heard.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await heard.wait()
    loop.remove_signal_handler(signal.SIGUSR1)
