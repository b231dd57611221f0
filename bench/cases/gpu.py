"""What the bare engine does on a CUDA device, with quality beside speed.

Needs torch and numpy, and nothing else: the frames are drawn by a formula, and the weights
that are shipped are read by hand. Per preset and precision:

  forward   a frame enlarged on the device; as it is, and recorded as graphs
  step      network, loss, gradients and Adam on a batch; as it is, and recorded
  session   whole `Session.step`s with so many steps each, from pinned memory to pinned
            memory, one after the other: what users get
  beside    the same parts without a judge, learning on a stream of its own beside
            enlarging, two frames on their way: what they could get
  PSNR      of the luma: bicubic, the initial weights (frozen), and the session (adapted)
  of peak   the operations of a forward pass per second, over those of the best matrix
            product in the same precision and run

Goals, on an H200 at 960x540 to 1920x1080: `realtime` with 1 step per frame at 1,000 frames
per second, `paper` with 10 at 30; and recorded work gives what it gives as it is. With
`--device cpu` there are no graphs, and only the command itself is tried.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from bench.arguments import PRECISIONS, Fixed
from bench.bare_weights import read_shipped
from bench.beside import Beside
from bench.drawn import decibels, drawn, made_small
from bench.flops import peak
from bench.gpu_report import GOAL_SIZE, SCALE, Found, report
from bench.recorded import both_ways
from bench.report import Report, say
from bench.timing import wait_for
from srstream.engine import PRESETS, Session, SessionOptions, choose_device
from srstream.engine.carried import Carried
from srstream.engine.resample import enlarge
from srstream.engine.tensors import to_pixels, to_tensors
from srstream.engine.weights import Weights
from srstream.frames import Frame, FrameId, Picture

STEPS = {"realtime": 1, "balanced": 1, "paper": 10}
"""Per frame."""
_WARM = 8
"""Frames that are not timed."""
_LEAST = 3

Drawn: TypeAlias = Literal["realtime", "balanced", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    presets: Annotated[tuple[Drawn, ...], "which"] = ("realtime", "paper")
    precisions: Annotated[tuple[Fixed, ...], "of the convolutions"] = PRECISIONS
    width: Annotated[int, "of frames in pixels, before they are enlarged"] = GOAL_SIZE[0]
    height: Annotated[int, "the same"] = GOAL_SIZE[1]
    frames: Annotated[int, "how many different ones are scored"] = 24
    seconds: Annotated[float, "to measure each part for, about"] = 2.0
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "auto"

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError(f"frames is {self.frames}; allowed: 2 or more")
        if min(self.width, self.height) < 16:
            raise ValueError(f"{self.width}x{self.height} is too small; 16 at least")


def run(options: Options) -> Report:
    """Measure every preset in every precision."""
    device = choose_device(options.device)
    size = SCALE * options.height, SCALE * options.width
    truths = [drawn(*size, number) for number in range(options.frames)]
    lows = [_pinned(made_small(truth, SCALE), device) for truth in truths]
    found: list[Found] = []
    for precision in options.precisions:
        kind = getattr(torch, precision)
        best = peak(device, precision=kind, seconds=options.seconds)
        say(f"matrix product in {precision}: {best / 1e12:.2f} TFLOP/s")
        for preset in options.presets:
            each = _measured(preset, precision, options, truths, lows, device, best)
            found.append(each)
            say(
                f"{preset} {precision}: {each.session_fps:.1f} fps in a session, "
                f"{each.beside_fps:.1f} beside, {each.psnr_adapted:.2f} dB"
            )
    return report(found, size=(options.width, options.height), device=device)


def _measured(
    preset: str,
    precision: Fixed,
    options: Options,
    truths: Sequence[NDArray[np.uint8]],
    lows: Sequence[NDArray[np.uint8]],
    device: torch.device,
    best: float,
) -> Found:
    preset_of = replace(PRESETS[preset], scale=SCALE, precision=precision)
    adapt = replace(preset_of.adapt, steps=STEPS[preset], repeats="learn")
    settings = replace(preset_of, adapt=adapt)
    frozen = replace(settings, adapt=replace(adapt, mode="frozen"))
    weights = None
    if settings.weights is not None:
        weights = read_shipped(settings.weights, SCALE)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    low, _ = to_tensors(lows[0], device)
    both = both_ways(settings, weights, low, device=device, seconds=options.seconds)
    session = Session(settings, weights=weights, device=device)
    adapted = _psnr(truths, _through(session, lows))
    session_fps = _fps(_through(session, _swinging(lows)), options.seconds, device)
    best_ms = min(
        each.median for each in (both.forward, both.forward_graph) if each is not None
    )
    return Found(
        preset=preset,
        precision=precision,
        steps=adapt.steps,
        both=both,
        session_fps=session_fps,
        beside_fps=_beside_fps(settings, weights, lows, options.seconds, device),
        psnr_bicubic=_psnr(truths, (_bicubic(each, device) for each in lows)),
        psnr_frozen=_psnr(
            truths, _through(Session(frozen, weights=weights, device=device), lows)
        ),
        psnr_adapted=adapted,
        share_of_peak=both.forward_gflop * 1e9 / best_ms / best,
        memory_mb=_most_memory(device),
    )


def _beside_fps(
    settings: SessionOptions,
    weights: Weights | None,
    lows: Sequence[NDArray[np.uint8]],
    seconds: float,
    device: torch.device,
) -> float:
    carried = Carried(settings, device, weights=weights)
    beside = Beside(carried, settings, device)
    return _fps(beside.enlarged(_swinging(lows)), seconds, device)


def _through(session: Session, lows: Any) -> Iterator[NDArray[np.uint8]]:
    for number, low in enumerate(lows, 1):
        frame = Frame(FrameId("bench", number, str(number), str(number)), Picture(low))
        yield session.step(frame).pixels.astype(np.uint8, copy=False)


def _swinging(lows: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Yield frames forth and back, without an end and without a cut."""
    while True:
        yield from lows[:-1]
        yield from lows[:0:-1]


def _bicubic(low: NDArray[np.uint8], device: torch.device) -> NDArray[np.uint8]:
    colour, _ = to_tensors(low, device)
    return to_pixels(enlarge(colour, SCALE), None, low).astype(np.uint8, copy=False)


def _psnr(truths: Sequence[NDArray[np.uint8]], found: Iterator[NDArray[np.uint8]]) -> float:
    """Return the mean over the frames."""
    pairs = zip(truths, found, strict=True)
    return fmean(decibels(truth, each, border=SCALE) for truth, each in pairs)


def _fps(frames: Iterator[object], seconds: float, device: torch.device) -> float:
    """Return how many frames per second come out of a source without an end."""
    for _ in islice(frames, _WARM):
        pass
    wait_for(device)
    count, began = 0, time.perf_counter()
    while count < _LEAST or time.perf_counter() - began < seconds:
        next(frames)
        count += 1
    wait_for(device)  # frames on their way, at most two, were computed and do not count
    return count / (time.perf_counter() - began)


def _pinned(low: NDArray[np.uint8], device: torch.device) -> NDArray[np.uint8]:
    """Return a copy in pinned memory, if the device has a use for that."""
    if device.type != "cuda":
        return low
    array: NDArray[np.uint8] = torch.from_numpy(low).pin_memory().numpy()
    return array


def _most_memory(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_reserved(device) / 2**20
