"""Does the whole daemon keep up with a camera, and how long is a frame on its way?

A camera of 480x270 sends raw RGB frames at a fixed rate by PUSH; `srstream serve`, with the
preset `realtime` and adaptation as it is configured, enlarges them to 960x540, and PUSHes
them back. Goals: 30 frames per second held for as long as it takes, and 99 of 100 frames
back within 50 ms.

Camera and receiver are one process with one clock, which takes about a millisecond of CPU
per frame from the cores that they share with srstream. A frame's time runs from when it was
due, not from when it could be sent. What came in the first seconds does not count: the
first frames prepare what is used again, and the self-test runs before them.

The frames move: photographs over which a window pans, or a folder of PNG files, shown forth
and back; made small here, so that the truth is known. Some of the frames that came back are
held against it afterwards, and beside them what the same weights give when they are frozen.

With `--max-rate N` a frame is sent as soon as fewer than N are out: how fast it can go.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from bench.arguments import Preset
from bench.camera import Filming, Seen, filming, seen_in
from bench.endpoints import free_endpoint, wait_for_listener
from bench.goals import Goal, judged
from bench.held import Held, adaptation, headers, held
from bench.moving import clip, swinging
from bench.pictures import enlarged, shrunk
from bench.report import Report, Table, say
from bench.serving import Served, serving
from bench.sessions import enlarged_in, session_of, settings_of, with_precision
from srstream.evaluation.metrics import psnr_y

RATE_HELD = 0.99
"""Of the frames per second that were sent; the goal."""
P99_MS = 50.0
"""The goal."""
_START = 120.0
_END = 120.0
"""Seconds for the daemon to listen, and for all to be written in the end."""
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    fps: Annotated[float, "frames that are sent each second"] = 30.0
    seconds: Annotated[float, "that count"] = 20.0
    warm_up: Annotated[float, "seconds before them"] = 5.0
    size: Annotated[str, "of a frame that is sent"] = "480x270"
    scale: Annotated[int, "2, 3 or 4"] = 2
    preset: Annotated[Preset, "of the stream"] = "realtime"
    data: Annotated[Path | None, "a folder of PNG files, shown one after the other"] = None
    frames: Annotated[int, "different ones, at most; then they are shown backwards"] = 120
    scored: Annotated[int, "frames that are held against the truth"] = 40
    overload: Annotated[
        Literal["block", "latest", "drop-oldest"], "what is done when it is too fast"
    ] = "latest"
    max_rate: Annotated[int, "frames that are out at a time, as fast as it goes; 0: no"] = 0
    set: Annotated[tuple[str, ...], "keys of the stream's `adapt`, such as steps=2"] = ()

    def __post_init__(self) -> None:
        if min(self.fps, self.seconds, self.frames, self.scored) <= 0 or self.warm_up < 0:
            raise ValueError("fps, seconds, frames and scored must be above 0")
        _sides(self.size)
        adapt_keys(self.set)


def run(options: Options) -> Report:
    """Film, then score."""
    width, height = _sides(options.size)
    truth = clip(
        height * options.scale,
        width * options.scale,
        count=options.frames,
        folder=options.data,
    )
    lows = [shrunk(each, options.scale) for each in truth]
    with tempfile.TemporaryDirectory() as place:
        filmed = _film(np.stack(lows), options, Path(place))
    found = held(filmed.seen)
    say("scoring")
    return _report(found, filmed, _quality(filmed, truth, lows, options), options)


def adapt_keys(given: tuple[str, ...]) -> dict[str, str]:
    """Return keys and values as TOML writes them; a bare word is a string.

    Raises:
        ValueError: one has no `=`.
    """
    keys = {}
    for each in given:
        key, is_there, value = each.partition("=")
        if not is_there or not key:
            raise ValueError(f"--set {each}: not of the form key=value")
        try:
            tomllib.loads(f"value = {value}")
        except tomllib.TOMLDecodeError:
            value = f'"{value}"'
        keys[key] = value
    return keys


def configuration(options: Options, *, source: str, sink: str) -> str:
    """Return a file for one stream between two endpoints, which it binds."""
    adapt = ", ".join(f"{key} = {value}" for key, value in adapt_keys(options.set).items())
    overload = "block" if options.max_rate else options.overload
    ways = f'type = "zmq", endpoints = ["{source}"], pattern = "pull"'
    return f"""\
[daemon]
state_dir = "state"

[streams.bench]
preset = "{options.preset}"
scale = {options.scale}
source = {{ {ways}, overload = "{overload}" }}
sinks = [{{ type = "zmq", endpoints = ["{sink}"], pattern = "push" }}]
adapt = {{ {adapt} }}
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Filmed:
    seen: Seen
    kept: NDArray[np.uint8]
    """[n, H, W, 3]."""
    cpu: Mapping[str, float]
    """Seconds of CPU in the window."""


def _film(lows: NDArray[np.uint8], options: Options, place: Path) -> _Filmed:
    source, sink = free_endpoint(), free_endpoint()
    (place / "bench.toml").write_text(configuration(options, source=source, sink=sink))
    np.save(place / "frames.npy", lows)
    what = Filming(
        to=source,
        back=sink,
        frames=str(place / "frames.npy"),
        results=str(place / "seen.json"),
        kept=str(place / "kept.npy"),
        fps=0.0 if options.max_rate else options.fps,
        in_flight=options.max_rate,
        warm_up=options.warm_up,
        seconds=options.seconds,
        keep=options.scored,
    )
    with serving(["--config", str(place / "bench.toml")], log=place / "log") as daemon:
        for endpoint in (source, sink):
            wait_for_listener(endpoint, within=_START, is_alive=lambda: daemon.is_alive)
        say("the daemon listens")
        with filming(what, place / "camera.log") as camera:
            camera.hear(within=options.warm_up + _START)
            before = _cpu_seconds(daemon)
            say(f"warmed up; {options.seconds:g} s begin")
            camera.hear(within=options.seconds + _END)
            after = _cpu_seconds(daemon)
            camera.hear(within=_END)
        daemon.stop()
    seen = seen_in(place / "seen.json")
    cpu = {name: after[name] - before[name] for name in after}
    return _Filmed(seen, np.load(place / "kept.npy"), {**cpu, "camera": seen.cpu})


def _cpu_seconds(daemon: Served) -> dict[str, float]:
    """Return the seconds of CPU of the daemon, and of the thread of its event loop."""
    daemon.check()
    process = psutil.Process(daemon.process.pid)
    times = process.cpu_times()
    loop = next(each for each in process.threads() if each.id == process.pid)
    return {
        "daemon": times.user + times.system,
        "its event loop": loop.user_time + loop.system_time,
    }


def _quality(
    filmed: _Filmed,
    truth: list[NDArray[np.uint8]],
    lows: list[NDArray[np.uint8]],
    options: Options,
) -> dict[str, float]:
    """Return the mean Y-PSNR of the frames that were kept, and of other ways."""
    told = headers(filmed.seen)
    shown = [swinging(told[n][1]["src_seq"] - 1, len(truth)) for n in filmed.seen.kept]
    if not shown:
        return {}
    ways = {
        "received": filmed.kept,
        "frozen": _frozen([lows[n] for n in shown], options),
        "bicubic": (enlarged(lows[n], options.scale) for n in shown),
    }
    return {
        way: fmean(
            psnr_y(truth[n], result, border=options.scale)
            for n, result in zip(shown, results, strict=True)
        )
        for way, results in ways.items()
    }


def _frozen(lows: list[NDArray[np.uint8]], options: Options) -> Iterator[NDArray[np.uint8]]:
    settings = settings_of(options.preset, scale=options.scale, precision="auto")
    settings = replace(settings, adapt=replace(settings.adapt, mode="frozen"))
    session = session_of(with_precision(settings, _CPU), _CPU)
    return (pixels for pixels, _ in enlarged_in(session, lows))


def _report(
    found: Held, filmed: _Filmed, quality: Mapping[str, float], options: Options
) -> Report:
    said = adaptation(filmed.seen)
    per_frame = {
        who: 1e3 * seconds / max(found.received, 1) for who, seconds in filmed.cpu.items()
    }
    figures: dict[str, Any] = {
        **asdict(found),
        "cpu_ms_per_frame": per_frame,
        "adaptation": said,
        "psnr_y": dict(quality),
    }
    waits = "as fast as it goes" if options.max_rate else f"{options.fps:g} fps"
    times = Table(
        f"{options.size} x{options.scale}, {options.preset}, {waits}, "
        f"{options.seconds:g} s: milliseconds",
        ("", "p50", "p95", "p99", "most"),
        (
            ("from due to received", *asdict(found.latency).values()),
            ("from due to sent", *asdict(found.late).values()),
        ),
        digits=1,
    )
    counts = Table(
        "Frames",
        ("sent", "received", "fps", "dropped", "gaps", "out of turn"),
        (
            (
                found.sent,
                found.received,
                found.fps,
                found.dropped,
                found.gaps,
                found.out_of_turn,
            ),
        ),
    )
    cpu = Table("CPU ms per frame", tuple(per_frame), (tuple(per_frame.values()),))
    tables = (times, counts, cpu, _table_of_adapting(said), _table_of_quality(quality))
    notes = (
        f"The first {options.warm_up:g} s are not in it.",
        f"Outcomes: {said['outcomes']}.",
        f"Enlarged with: {said['used']}.",
    )
    if options.max_rate:
        return Report(figures, tables, notes)
    goals = [
        Goal("frames per second", found.fps, at_least=RATE_HELD * options.fps),
        Goal("p99 of the latency in ms", found.latency.p99, at_most=P99_MS),
        Goal("frames dropped", found.dropped, at_most=0.0),
    ]
    return judged("Live", goals, figures, tables, notes)


def _table_of_adapting(said: Mapping[str, Any]) -> Table:
    keys = [key for key in said if key not in ("outcomes", "used", "ms")]
    row = (*(said[key] for key in keys), *(said["ms"][part] for part in said["ms"]))
    return Table(
        "Told of the frames, means: steps, shares, dB, ms",
        (*(key.replace("heldout_psnr", "dB") for key in keys), *said["ms"]),
        (row,),
    )


def _table_of_quality(quality: Mapping[str, float]) -> Table:
    return Table("Y-PSNR in dB", tuple(quality), (tuple(quality.values()),))


def _sides(size: str) -> tuple[int, int]:
    """Return width and height.

    Raises:
        ValueError: it is not of the form 480x270.
    """
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"size is {size!r}; of the form 480x270")
    return int(width), int(height)
