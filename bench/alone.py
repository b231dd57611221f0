"""The engine alone, in a process of its own: `python -m bench.alone FOLDER`.

Steps a session over the pictures of a folder, decoded before, and prints as JSON what it
saw. The daemon is compared with it, and OpenMP's settings, which a process reads once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bench.lateness import Lateness, lateness_of, thread_beside
from bench.pictures import as_frame, load
from bench.sessions import session_of, with_precision
from bench.timing import rate
from srstream.engine import PRESETS, SessionOptions, prepare_thread
from srstream.frames import Frame
from srstream.runtime.allocator import keep_freed_memory
from srstream.runtime.cpus import usable_cpus

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Alone:
    """What a run of the bare engine came to. The first frame only warms up."""

    fps: float
    cpu_share: float
    """CPU seconds per second: how many cores were busy."""
    beside: Lateness | None
    """Of a thread with a timer, if there was one."""


def run_alone(
    folder: Path, *, preset: str, beside: bool, environment: Mapping[str, str] = os.environ
) -> Alone:
    """Run the engine in a process of its own.

    Raises:
        ValueError: it failed.
    """
    command = [sys.executable, "-m", "bench.alone", str(folder), "--preset", preset]
    command += ["--beside"] if beside else []
    done = subprocess.run(
        command, capture_output=True, text=True, env=dict(environment), check=False
    )
    if done.returncode != 0:
        raise ValueError(f"the engine failed\n{done.stderr[-1000:]}")
    found = json.loads(done.stdout)
    late = found["beside"]
    return Alone(found["fps"], found["cpu_share"], late and Lateness(**late))


def work(frames: Sequence[Frame], options: SessionOptions, *, beside: bool) -> Alone:
    """Step a session over two frames or more, on this thread."""
    session = session_of(options, _CPU)
    session.step(frames[0])
    moments = [time.perf_counter()]
    cpu = time.process_time()
    with thread_beside() if beside else nullcontext() as seen:
        for frame in frames[1:]:
            session.step(frame)
            moments.append(time.perf_counter())
    cpu = time.process_time() - cpu
    return Alone(
        fps=rate(moments),
        cpu_share=cpu / (moments[-1] - moments[0]),
        beside=None if seen is None else lateness_of(seen),
    )


def _as_json(found: Alone) -> dict[str, Any]:
    return asdict(found)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.alone", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="light", choices=tuple(PRESETS))
    parser.add_argument("--beside", action="store_true", help="watch a thread's timer")
    given = parser.parse_args()
    keep_freed_memory()  # as the daemon does, so that the two compare
    prepare_thread(usable_cpus())
    files = sorted(given.folder.glob("*.png"))
    frames = [as_frame(load(file), seq=n, name=file.stem) for n, file in enumerate(files)]
    options = with_precision(PRESETS[given.preset], _CPU)
    print(json.dumps(_as_json(work(frames, options, beside=given.beside))))


if __name__ == "__main__":
    _main()
