"""Signals, and what the next start makes of what was left."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from commands import Daemon
from files import save

Serve = Callable[..., Daemon]

NAMES = [f"f{number}.png" for number in range(1, 31)]
ENDLESS = ("--set", "streams.demo.adapt.steps=1000000")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir(exist_ok=True)
    for name in NAMES:
        save(tmp_path / "inbox" / name)
    return tmp_path / "inbox"


def results(daemon: Daemon) -> set[str]:
    return {path.name for path in (daemon.folder / "outbox").iterdir()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order_and_the_next_start_does_the_rest(
    serve: Serve, inbox: Path, number: int
) -> None:
    first = serve("--set", "streams.demo.adapt.steps=20")
    first.wait_for_frames("f2.png")
    assert first.stop(number) == 0
    done = [line["source"] for line in first.stats()]
    assert done == NAMES[: len(done)]
    assert results(first) == set(done)
    (ended,) = first.heard("stream ended")
    assert (ended["done"], ended["failed"]) == (len(done), 0)
    assert ended["returned"] > 0

    second = serve()
    second.wait_for_frames(*NAMES)
    save(inbox / "last.png")
    second.wait_for_frames("last.png")
    assert second.stop(number) == 0
    assert [line["source"] for line in second.stats()] == [*NAMES, "last.png"]


def test_a_frame_that_takes_too_long_is_given_back_whole(serve: Serve, inbox: Path) -> None:
    left_by_a_crash = inbox.parent / "outbox" / ".deadbeef-1.part"
    left_by_a_crash.parent.mkdir()
    left_by_a_crash.write_bytes(b"half a picture")
    daemon = serve(*ENDLESS, "--set", "daemon.grace=1")
    daemon.wait_for("stream started")
    before = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - before < 10  # the grace, and the end of a busy process
    assert results(daemon) == set()  # nor is there a half written one
    assert daemon.stats() == []
    assert daemon.heard("unfinished outputs removed", files=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(serve: Serve, inbox: Path, number: int) -> None:
    save(inbox / "f0.png", np.zeros((1, 1, 3), np.uint8))  # done without a step
    daemon = serve(*ENDLESS, "--set", "daemon.grace=3600")
    daemon.wait_for_frames("f0.png")  # the next one is in hand, then, for ever
    daemon.send(number)
    said = daemon.wait_for("stopping")
    assert said["grace"] == 3600
    time.sleep(0.2)  # a second signal that comes sooner counts as an echo of the first
    assert daemon.stop(number) == 128 + number
    assert daemon.heard("stopped at once")


def test_a_killed_daemon_leaves_no_half_result_and_is_resumed(
    serve: Serve, inbox: Path
) -> None:
    killed = serve("--set", "streams.demo.adapt.steps=20")
    killed.wait_for_frames("f2.png")
    killed.close()
    assert {name for name in results(killed) if not name.endswith(".part")} <= set(NAMES)

    resumed = serve()
    resumed.wait_for_frames(*NAMES)
    assert resumed.stop() == 0
    assert results(resumed) == set(NAMES)
    assert len({line["run"] for line in resumed.stats()}) == 2


def test_a_checkpoint_that_does_not_fit_ends_nothing_and_is_set_aside(
    serve: Serve, tmp_path: Path
) -> None:
    save(tmp_path / "inbox" / "a.png")
    first = serve()
    first.wait_for_frames("a.png")
    assert first.stop() == 0
    states = tmp_path / "state" / "streams" / "demo"
    (kept,) = states.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    save(tmp_path / "inbox" / "b.png")
    second = serve()
    second.wait_for_frames("b.png")
    assert second.heard("checkpoint set aside")
    assert len(second.heard("stream started")) == 1
    assert second.stop() == 0
    reason = (states / f"{kept.name}.rejected.reason").read_text()
    assert (states / f"{kept.name}.rejected").exists()
    assert reason.strip()
