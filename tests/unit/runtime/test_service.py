from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from fakes import FakeClock
from managers import Manager
from runnables import FakeSleep
from srstream.runtime.sdnotify import SdNotify
from srstream.runtime.service import Service


class Work:
    """Stands still since a moment, or not at all."""

    still_since: float | None = None

    def __call__(self) -> float | None:
        return self.still_since


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(100.0)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def service(manager: Manager, clock: FakeClock, work: Work) -> Service:
    return made(SdNotify(str(manager.path), watchdog=30.0), clock, work)


def made(
    notify: SdNotify, clock: FakeClock, work: Work, sleep: FakeSleep | None = None
) -> Service:
    return Service(
        notify,
        still_since=work,
        status=lambda now: f"at {now:g}",
        clock=clock,
        sleep=sleep or asyncio.sleep,
        log=structlog.get_logger(),
    )


def beats(
    service: Service, clock: FakeClock, manager: Manager, seconds: int
) -> list[dict[str, str]]:
    """Return what is told in as many seconds, a few datagrams of which fit into a queue."""
    told = manager.heard()
    for _ in range(seconds):
        clock.advance(1.0)
        service.beat()
        told += manager.heard()
    return told


def test_while_it_starts_it_asks_for_more_time(service: Service, manager: Manager) -> None:
    service.beat()
    assert manager.heard() == [
        {"WATCHDOG": "1", "EXTEND_TIMEOUT_USEC": "30000000", "STATUS": "starting: at 100"}
    ]


def test_when_it_is_ready_it_says_so_once(
    service: Service, manager: Manager, clock: FakeClock
) -> None:
    service.ready()
    ready, *others = beats(service, clock, manager, 2)
    assert (ready["READY"], ready["STATUS"]) == ("1", "at 100")
    assert ready["MAINPID"] == str(os.getpid())
    assert others == [{"WATCHDOG": "1"}] * 2


def test_the_status_comes_every_few_seconds_and_the_watchdog_is_fed_each_time(
    service: Service, manager: Manager, clock: FakeClock
) -> None:
    service.ready()
    heard = beats(service, clock, manager, 10)
    assert [said["STATUS"] for said in heard if "STATUS" in said] == [
        "at 100",
        "at 105",
        "at 110",
    ]
    assert all(said["WATCHDOG"] == "1" for said in heard)


def test_a_manager_that_was_busy_is_told_again(
    service: Service, manager: Manager, clock: FakeClock
) -> None:
    manager.close()
    service.ready()
    manager.open()
    (said,) = beats(service, clock, manager, 1)
    assert (said["READY"], said["STATUS"]) == ("1", "at 101")


def test_a_reload_is_announced_with_its_time_and_ends_with_what_was_wrong(
    service: Service, manager: Manager
) -> None:
    service.ready()
    service.reloading()
    service.ready("the old configuration: a.toml:3: no such key")
    _, reloading, ready = manager.heard()
    assert (reloading["RELOADING"], reloading["MONOTONIC_USEC"]) == ("1", "100000000")
    assert ready["STATUS"] == "the old configuration: a.toml:3: no such key: at 100"


def test_while_it_stops_it_asks_for_more_time_and_feeds_the_watchdog(
    service: Service, manager: Manager, clock: FakeClock
) -> None:
    service.ready()
    service.stopping()
    _, stopping, later = beats(service, clock, manager, 1)
    assert (stopping["STOPPING"], stopping["STATUS"]) == ("1", "stopping: at 100")
    assert later == {"WATCHDOG": "1", "EXTEND_TIMEOUT_USEC": "30000000"}


def test_a_thread_that_stands_still_ends_it_within_the_watchdogs_time(
    service: Service, manager: Manager, clock: FakeClock, work: Work
) -> None:
    service.ready()
    work.still_since = clock.now
    with capture_logs() as logs:
        fed = beats(service, clock, manager, 29)
        let_go = beats(service, clock, manager, 2)
    assert [said["WATCHDOG"] for said in fed] == ["1"] * 30
    assert [said["WATCHDOG"] for said in let_go] == ["trigger", "trigger"]
    (log,) = logs
    assert (log["log_level"], log["limit"], log["seconds"]) == ("critical", 30.0, 30.0)


def test_a_thread_that_stands_still_is_given_no_more_time_to_start_in(
    service: Service, manager: Manager, clock: FakeClock, work: Work
) -> None:
    work.still_since = clock.now
    *_, last = beats(service, clock, manager, 300)
    assert "EXTEND_TIMEOUT_USEC" not in last


def test_without_a_watchdog_nothing_is_said_to_it(
    manager: Manager, clock: FakeClock, work: Work
) -> None:
    service = made(SdNotify(str(manager.path)), clock, work)
    work.still_since = clock.now
    service.ready()
    told = beats(service, clock, manager, 400)
    assert len(told) == 81  # the status alone
    assert not any("WATCHDOG" in said for said in told)


async def test_it_beats_once_a_second_or_four_times_in_the_watchdogs_time(
    manager: Manager, clock: FakeClock, work: Work
) -> None:
    for watchdog, every in ((30.0, 1.0), (2.0, 0.5)):
        sleep = FakeSleep(clock)
        service = made(SdNotify(str(manager.path), watchdog), clock, work, sleep)
        task = asyncio.create_task(service.run())
        await sleep.wake(every)
        await sleep.asked(every)
        task.cancel()
        assert len(manager.heard()) == 2


async def test_without_a_manager_it_does_nothing(clock: FakeClock, work: Work) -> None:
    service = made(SdNotify(), clock, work)
    await service.run()
    service.ready()
