"""The smallest daemon: tiny frames and a tiny network, so that the engine costs nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from bench.serving import Served, serving

START = 60.0
"""Seconds within which a daemon must be ready, on a machine that is busy too."""
SIDE = 24
"""Of a frame in pixels, before it is enlarged."""
_DIFFERENT = 64
"""Pictures that `tiny_pictures` draws before it repeats them."""

Value = str | int | float | bool


@dataclass(slots=True)
class Tiny:
    """A daemon's folder; it may be started in it again and again."""

    folder: Path
    source: Mapping[str, Value] = field(default_factory=dict)
    """Keys of the source beside `type` and `path`."""
    sink: Mapping[str, Value] = field(default_factory=dict)
    """Keys of the folder of results."""
    stream: Mapping[str, Value] = field(default_factory=dict)
    """Keys of the stream."""
    twice: bool = False
    """Also as JPEG files in another folder."""
    adapts: bool = True
    """One step per frame; false: none."""
    starts: int = 0

    def __post_init__(self) -> None:
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.config.write_text(self.configuration())

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def beside(self) -> Path:
        return self.folder / "beside"

    @property
    def outboxes(self) -> tuple[Path, ...]:
        """The folders of results."""
        return (self.outbox, self.beside) if self.twice else (self.outbox,)

    @property
    def stats(self) -> Path:
        return self.folder / "stats.jsonl"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "srstream.toml"

    def configuration(self) -> str:
        """Return what the configuration file holds."""
        source = {"type": "directory", "path": "inbox", "settle": 0.1, **self.source}
        sink = {"type": "directory", "path": "outbox", "compression": 1, **self.sink}
        adapt = {"steps": 1, "crop": 16, "batch": 1} if self.adapts else {"mode": "frozen"}
        beside: dict[str, Value] = {"type": "directory", "path": "beside", "format": "jpg"}
        told: dict[str, Value] = {"type": "stats", "path": "stats.jsonl"}
        sinks = [sink, *([beside] if self.twice else []), told]
        stream = "".join(f"{key} = {json.dumps(it)}\n" for key, it in self.stream.items())
        return (
            '[daemon]\nstate_dir = "state"\n\n[streams.bench]\ndevice = "cpu"\n'
            'preset = "light"\n'
            f"{stream}source = {_table(source)}\n"
            f"sinks = [{', '.join(map(_table, sinks))}]\n"
            f"net = {{ width = 4, depth = 2 }}\nadapt = {_table(adapt)}\n"
        )

    @contextmanager
    def serving(self, *, under: tuple[str, ...] = ()) -> Iterator[Served]:
        """Start the daemon; it is killed at the end if it still runs."""
        self.starts += 1
        log = self.folder / f"log{self.starts}.jsonl"
        with serving(["--config", str(self.config)], log=log, under=under) as daemon:
            yield daemon

    def wait_for_frames(self, daemon: Served, frames: int, *, within: float) -> None:
        """Wait until the statistics have as many lines.

        Raises:
            ValueError: the daemon ended, or the time is up.
        """
        daemon.wait_until(
            lambda: lines_in(self.stats) >= frames,
            f"{frames} frames",
            within=within,
            poll=0.02,
        )


def _table(keys: Mapping[str, Value]) -> str:
    pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
    return f"{{ {pairs} }}"


def lines_in(path: Path) -> int:
    """Return how many whole lines a file has, which need not be there."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def fill(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    """Write tiny pictures under names that sort; each of its own pixels."""
    paths = [folder / f"frame{first + number:06d}.png" for number in range(count)]
    for number, path in enumerate(paths, first):
        path.write_bytes(png(np.random.default_rng(number), SIDE))
    return paths


def fill_quickly(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    """Do the same with few different pictures."""
    different = [png(np.random.default_rng(n), SIDE) for n in range(_DIFFERENT)]
    paths = [folder / f"frame{first + number:06d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(different[number % _DIFFERENT])
    return paths


def png(draw: np.random.Generator, side: int) -> bytes:
    """Return a square picture of noise, smooth enough to be a picture, as a PNG file."""
    coarse = draw.integers(0, 256, (side // 4 + 2, side // 4 + 2, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    return _as_png(image)


def noise(draw: np.random.Generator, side: int) -> bytes:
    """Return a square picture of white noise, which no format makes smaller."""
    pixels = draw.integers(0, 256, (side, side, 3), dtype=np.uint8)
    return _as_png(Image.fromarray(pixels))


def _as_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
