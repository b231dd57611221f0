"""Whole processes: what a CPU computes must not depend on its cores, nor on a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

FRAMES = 6
KILLED_IN = 4

PROGRAM = """
import os, signal, sys, threading
from dataclasses import replace
from pathlib import Path
from pictures import edges, frame
from srstream.engine import PRESETS, Session, prepare_thread
from srstream.engine.nets import ZssrStarOptions

folder, first, last, killed_in = Path(sys.argv[1]), *map(int, sys.argv[2:])

def work():
    prepare_thread(1, deterministic=True)
    preset = PRESETS["light"]
    adapt = replace(preset.adapt, steps=5, carry_moments=True)
    net = ZssrStarOptions(width=24, depth=4)
    session = Session(replace(preset, net=net, adapt=adapt))
    if first > 1:
        session.load((folder / f"{first - 1}.state").read_bytes())
    for number in range(first, last + 1):
        taken = frame(edges(72, 100, shift=3 * number))
        if number == killed_in:
            session.begin(taken)
            for _ in range(8):
                session.advance(0.0)
            os.kill(os.getpid(), signal.SIGKILL)
        result = session.step(taken)
        (folder / f"{number}.raw").write_bytes(result.pixels.tobytes())
        (folder / f"{number}.state").write_bytes(session.dump())

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def start(
    folder: Path, first: int, last: int, *, killed_in: int = 0, threads: int, cpus: set[int]
) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, *map(str, (first, last, killed_in))],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OMP_NUM_THREADS": str(threads),
        },
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),  # noqa: PLW1509 - no threads
    )


def test_a_killed_and_resumed_run_on_other_cores_is_byte_identical(tmp_path: Path) -> None:
    every = os.sched_getaffinity(0)
    one = {min(every)}
    straight = start(tmp_path / "a", 1, FRAMES, threads=1, cpus=one)
    killed = start(tmp_path / "b", 1, FRAMES, killed_in=KILLED_IN, threads=2, cpus=every)
    assert killed.wait(50) == -signal.SIGKILL
    resumed = start(tmp_path / "b", KILLED_IN, FRAMES, threads=2, cpus=every)
    assert resumed.wait(50) == 0
    assert straight.wait(50) == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) == 2 * FRAMES
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    outputs = {(tmp_path / "a" / f"{n}.raw").read_bytes() for n in range(1, FRAMES + 1)}
    assert len(outputs) == FRAMES


CHECK = """
import threading, torch
from srstream.engine import prepare_thread

ready, go, seen = threading.Event(), threading.Event(), []

def first():
    prepare_thread(1, deterministic=True)
    ready.set()
    go.wait(30)
    torch.ones(10).sum()
    seen.append(torch.get_num_threads())

def second():
    ready.wait(30)
    prepare_thread(3)
    go.set()
    seen.append(torch.get_num_threads())

threads = [threading.Thread(target=work) for work in (first, second)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(seen), torch.are_deterministic_algorithms_enabled(),
      torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark,
      torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision())
"""


def test_each_thread_has_its_own_number_of_threads_and_the_process_its_precision() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHECK],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert done.stdout.split("\n")[0] == "[1, 3] True True False False highest"
    assert done.stderr == ""
