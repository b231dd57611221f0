"""Does the resident memory grow over frames of many sizes?

A thousand frames in two hundred sizes are read from PNG files on a decode thread and go
through one session on a compute thread, as in the daemon, five times through all sizes in
an order of its own each time. The memory is looked at every 20 frames. While new sizes
come it may grow: buffers for them are made and kept. Then it must not: the slope is that
of a straight line through what was seen after every size was there once.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil

from bench.pictures import as_frame, photographs, save, window
from bench.report import Report, Table, say
from srstream.engine import PRESETS, Session, SessionOptions, prepare_thread
from srstream.media.decode import read_picture
from srstream.runtime.allocator import keep_freed_memory
from srstream.runtime.compute import Compute
from srstream.runtime.cpus import usable_cpus
from srstream.runtime.workthread import WorkThread

FLAT = 10.0
"""MB per 1000 frames up to which memory counts as flat: a few allocator pages."""
_MB = 1e6
_MOST_PIXELS = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    frames: Annotated[int, "how many"] = 1000
    sizes: Annotated[int, "how many different sizes"] = 200
    smallest: Annotated[int, "shortest side in pixels"] = 16
    largest: Annotated[int, "longest side in pixels, 300 at most"] = 120
    steps: Annotated[int, "optimiser steps per frame"] = 2
    every: Annotated[int, "frames between two looks at the memory"] = 20
    seed: Annotated[int, "of the sizes and their order"] = 0

    def __post_init__(self) -> None:
        if self.frames < self.sizes + 2 * self.every:
            raise ValueError("frames must be more than sizes, by two looks at least")
        if self.sizes > (self.largest - self.smallest + 1) ** 2:
            raise ValueError("there are not so many sizes between smallest and largest")


def run(options: Options) -> Report:
    """Run the frames; fit the line."""
    preset = PRESETS["light"]
    settings = replace(preset, adapt=replace(preset.adapt, steps=options.steps))
    draw = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as place:
        files = _write(Path(place), options, draw)
        order = list(_order(files, options.frames, draw))
        seen = asyncio.run(_work(order, settings, options.every))
    return _report(seen, options)


def _write(place: Path, options: Options, draw: np.random.Generator) -> list[Path]:
    """Write one PNG file of each size."""
    sides = range(options.smallest, options.largest + 1)
    sizes = [(height, width) for height in sides for width in sides]
    pictures = photographs()
    files = []
    for number in draw.permutation(len(sizes))[: options.sizes]:
        height, width = sizes[number]
        picture = pictures[number % len(pictures)]
        files.append(place / f"{width}x{height}.png")
        save(window(picture, height, width, moved=int(number)), files[-1])
    return files


def _order(files: list[Path], frames: int, draw: np.random.Generator) -> Iterator[Path]:
    """Yield every file once, then every file again in another order, and so on."""
    for start in range(0, frames, len(files)):
        order = draw.permutation(len(files))[: frames - start]
        yield from (files[number] for number in order)


async def _work(
    order: list[Path], settings: SessionOptions, every: int
) -> list[tuple[int, float]]:
    """Return how much was resident after how many frames, in MB."""
    process = psutil.Process()
    decoder = WorkThread("decode")
    keep_freed_memory()  # as the daemon does
    compute = Compute("compute", prepare=partial(prepare_thread, usable_cpus()))
    seen = [(0, process.memory_info().rss / _MB)]
    try:
        session = await compute.call(partial(Session, settings))
        for done, path in enumerate(order, 1):
            picture = await decoder.call(
                partial(read_picture, path, max_pixels=_MOST_PIXELS)
            )
            frame = as_frame(picture.pixels, seq=done, name=path.stem)
            await compute.process("memory", session, frame)
            if done % every == 0:
                seen.append((done, process.memory_info().rss / _MB))
            if done % (10 * every) == 0:
                say(f"{done} of {len(order)} frames: {seen[-1][1]:.1f} MB")
    finally:
        decoder.close(1.0)
        compute.close(1.0)
    return seen


def _report(seen: list[tuple[int, float]], options: Options) -> Report:
    settled = [(frames, mb) for frames, mb in seen if frames >= options.sizes]
    slope = slope_per_1000(settled)
    figures = {
        "start_mb": seen[0][1],
        "after_every_size_mb": settled[0][1],
        "end_mb": seen[-1][1],
        "most_mb": max(mb for _, mb in seen),
        "slope_mb_per_1000_frames": slope,
        "flat_up_to_mb_per_1000_frames": FLAT,
        "each": [[frames, round(mb, 3)] for frames, mb in seen],
    }
    table = Table(
        f"Resident memory over {seen[-1][0]} frames of {options.sizes} sizes, MB",
        ("start", "after every size", "end", "most", "slope per 1000 frames"),
        (
            (
                f"{seen[0][1]:.1f}",
                settled[0][1],
                seen[-1][1],
                max(mb for _, mb in seen),
                f"{slope:+.2f}",
            ),
        ),
        digits=1,
    )
    return Report(figures, (table,), (f"Flat: {'yes' if slope <= FLAT else 'NO'}.",))


def slope_per_1000(seen: list[tuple[int, float]]) -> float:
    """Return the slope of the straight line of least squares, per 1000 frames."""
    frames, resident = np.array(seen, dtype=np.float64).T
    return float(np.polynomial.Polynomial.fit(frames, resident, 1).convert().coef[1]) * 1e3
