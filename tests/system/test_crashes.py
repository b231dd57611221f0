"""kill -9, and what the next start makes of it: nothing lost, done twice or half done."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from commands import Daemon, config_in, lines_of, run, wait_until
from files import save
from pictures import edges

Serve = Callable[..., Daemon]

NAMES = [f"f{number:02}.png" for number in range(1, 13)]
# Frames of some 50 ms: a kill falls into the work, and not behind it.
FLAGS = ("--deterministic", "--set", "streams.demo.adapt.steps=8")


@dataclass(frozen=True)
class Killed:
    """A daemon that was killed three times, and one that was not."""

    folder: Path
    stood: list[dict[str, tuple[int, int, bytes]]]
    """Its outputs after each kill: inode, time and content."""
    unkilled: dict[str, bytes]


def start(stack: ExitStack, folder: Path) -> Daemon:
    daemon = Daemon("--config", folder / "srstream.toml", *FLAGS, cwd=folder)
    stack.callback(daemon.close)
    return daemon


def prepare(folder: Path) -> Path:
    config_in(folder)
    for number, name in enumerate(NAMES):
        save(folder / "inbox" / name, edges(20, 24, shift=number))
    return folder


def outputs(folder: Path) -> list[Path]:
    return [path for path in folder.glob("outbox/*") if not path.name.startswith(".")]


def seen(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in outputs(folder)
    }


def pid_of_daemon_in(folder: Path) -> int:
    (daemon,) = (
        child.pid
        for child in psutil.Process().children()
        if str(folder / "srstream.toml") in child.cmdline()
    )
    return daemon


def see(folder: Path, count: int) -> None:
    wait_until(lambda: len(outputs(folder)) >= count, f"{count} outputs")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    unkilled = prepare(tmp_path_factory.mktemp("unkilled"))
    folder = prepare(tmp_path_factory.mktemp("killed"))
    found = Killed(folder, [], {})
    with ExitStack() as stack:
        daemon = start(stack, unkilled)
        daemon.wait_for_frames(*NAMES)
        assert daemon.stop() == 0
        found.unkilled.update({p.name: p.read_bytes() for p in outputs(unkilled)})

        moments: list[Callable[[Daemon], object]] = [
            lambda _: see(folder, 2),
            lambda daemon: daemon.wait_for("stream started"),  # it recovers
            lambda _: see(folder, len(outputs(folder)) + 2),
        ]
        for is_time in moments:
            daemon = start(stack, folder)
            is_time(daemon)
            daemon.send(signal.SIGKILL)
            assert daemon.wait() == -signal.SIGKILL
            found.stood.append(seen(folder))
        daemon = start(stack, folder)
        daemon.wait_for_frames(*NAMES)
        assert daemon.stop() == 0
        found.stood.append(seen(folder))
    return found


def test_the_kills_fell_into_the_work(killed: Killed) -> None:
    first, second, third, last = map(len, killed.stood)
    assert 2 <= first <= second < third < last == len(NAMES)


def test_outputs_of_a_killed_run_equal_those_of_an_unkilled_one(killed: Killed) -> None:
    assert {name: stood[2] for name, stood in killed.stood[-1].items()} == killed.unkilled
    assert set(killed.unkilled) == set(NAMES)


def test_no_output_is_written_twice(killed: Killed) -> None:
    for earlier in killed.stood[:-1]:
        assert earlier.items() <= killed.stood[-1].items()


def test_nothing_half_written_is_left(killed: Killed) -> None:
    assert not list(killed.folder.rglob("*.part"))


def test_there_is_one_whole_line_of_statistics_about_each_frame(killed: Killed) -> None:
    stats = killed.folder / "stats.jsonl"
    assert stats.read_bytes().endswith(b"}\n")
    told = lines_of(stats)
    assert [line["source"] for line in told] == NAMES
    assert [line["seq"] for line in told] == list(range(1, len(NAMES) + 1))


def test_a_second_daemon_on_the_same_state_is_refused_and_the_weights_outlive_the_first(
    serve: Serve, tmp_path: Path
) -> None:
    save(tmp_path / "inbox" / "a.png")
    first = serve()
    first.wait_for_frames("a.png")
    refused = run("serve", "--config", tmp_path / "srstream.toml", cwd=tmp_path)
    assert refused.returncode == 1
    assert str(pid_of_daemon_in(tmp_path)) in refused.stderr
    assert first.stop() == 0

    save(tmp_path / "inbox" / "b.png", edges(20, 24, shift=5))
    second = serve()
    assert second.wait_for("weights continue from a checkpoint")["seq"] == 1
    second.wait_for_frames("b.png")
    assert [line["seq"] for line in second.stats()] == [1, 2]
