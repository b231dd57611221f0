"""Milliseconds of every part, and their share of what the device can do.

For each preset and side of a square frame: one batch of pairs, the loss forward and
backward on such a batch, one whole step (the two, the network and Adam together), one
enlargement, and a whole `Session.step`, of preset `light` with its own steps, of the
others with two. The operations are counted from the network's convolutions, two per
multiply-add; the peak is that of a float32 matrix product measured in the same run. Every
time is a median of several calls after one that warms up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Any

import torch

from bench.arguments import Preset
from bench.flops import count, peak
from bench.pictures import as_frame, photographs, window
from bench.report import Report, Table, say
from bench.timing import Timing, measure
from srstream.engine import LOSSES, PRESETS, Session, SessionOptions, choose_device
from srstream.engine.adapt import Trace
from srstream.engine.carried import Carried
from srstream.engine.losses import LossContext
from srstream.engine.pairs import Batch, Pairs
from srstream.engine.tensors import to_tensors
from srstream.engine.upscale import Upscaler

_FEW_STEPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    presets: Annotated[tuple[Preset, ...], "which"] = ("light", "paper")
    sides: Annotated[tuple[int, ...], "of the frames in pixels"] = (128, 256, 512)
    seconds: Annotated[float, "to measure each part for, about; three calls at least"] = 1.0
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "cpu"


@dataclass(frozen=True, slots=True)
class Speeds:
    """Of one preset at one size."""

    preset: str
    side: int
    pairs: Timing
    loss: Timing
    step: Timing
    step_gflop: float
    upscale: Timing
    upscale_gflop: float
    frame: Timing
    frame_steps: int


def run(options: Options) -> Report:
    """Measure every preset at every size."""
    device = choose_device(options.device)
    most = peak(device, seconds=options.seconds)
    found = []
    for preset in options.presets:
        for side in options.sides:
            found.append(_speeds(preset, side, device, options.seconds))
            say(f"{preset} {side}: {1e3 * found[-1].step.median:.1f} ms per step")
    return _report(found, most)


def _speeds(preset: str, side: int, device: torch.device, seconds: float) -> Speeds:
    settings = PRESETS[preset]
    if preset != "light":
        settings = replace(settings, adapt=replace(settings.adapt, steps=_FEW_STEPS))
    timed = partial(measure, device=device, seconds=seconds)
    pixels = _square(side)
    low, _ = to_tensors(pixels, device)
    carried = Carried(settings, device)
    batches = _batches(low, settings, carried)
    upscaler = Upscaler(carried.net, settings.upscale, scale=settings.scale, device=device)
    session = Session(settings, device=device)
    frame = as_frame(pixels, seq=1, name=str(side))
    batch = next(batches)
    # The paper's post-processing sends the frame through eight times.
    passes = 8 if settings.upscale.ensemble else 1
    return Speeds(
        preset=preset,
        side=side,
        pairs=timed(partial(next, batches)),
        loss=timed(_loss_call(batch.high, settings, device)),
        step=timed(partial(next, _steps(carried, batches))),
        step_gflop=count(carried.net, batch.low).step / 1e9,
        upscale=timed(lambda: _all_of(upscaler.enlarge(low))),
        upscale_gflop=passes * count(carried.net, low).forward / 1e9,
        frame=timed(partial(session.step, frame)),
        frame_steps=settings.adapt.steps,
    )


def _square(side: int) -> Any:
    """Return [side, side, 3] of a photograph, repeated where it is smaller."""
    picture = photographs()[0]
    while min(picture.shape[:2]) < side:
        picture = picture.repeat(2, axis=0).repeat(2, axis=1)
    return window(picture, side, side, moved=0)


def _batches(
    low: torch.Tensor, settings: SessionOptions, carried: Carried
) -> Iterator[Batch]:
    return Pairs(
        low,
        torch.ones_like(low[:, :1]),
        options=settings.adapt,
        scale=settings.scale,
        generator=carried.random,
    ).batches()


def _steps(carried: Carried, batches: Iterator[Batch]) -> Iterator[None]:
    """Yield after each step, without an end."""
    while True:
        yield from carried.adapter.run(
            batches, trace=Trace(), noise=carried.random, spent=lambda: 0.0
        )


def _loss_call(
    high: torch.Tensor, settings: SessionOptions, device: torch.device
) -> Callable[[], None]:
    """Return the loss forward and backward, on differences of this shape."""
    loss = LOSSES[LOSSES.name_of(settings.loss)].make(settings.loss, LossContext(device))
    difference = torch.randn_like(high).mul_(0.05).requires_grad_()

    def call() -> None:
        difference.grad = None
        loss(difference).backward()  # type: ignore[no-untyped-call]

    return call


def _all_of(work: Iterator[None]) -> None:
    for _ in work:
        pass


def _report(found: list[Speeds], most: float) -> Report:
    parts = Table(
        "Milliseconds, medians",
        (
            "preset",
            "side",
            "pairs",
            "loss",
            "step",
            "enlarge",
            "frame",
            "steps",
            "out Mpx/s",
        ),
        tuple(
            (
                each.preset,
                each.side,
                *(1e3 * t.median for t in (each.pairs, each.loss, each.step, each.upscale)),
                1e3 * each.frame.median,
                each.frame_steps,
                _megapixels_per_second(each),
            )
            for each in found
        ),
    )
    shares = Table(
        f"Operations; the peak is {most / 1e9:.0f} GFLOP/s",
        ("preset", "side", *_columns("step"), *_columns("enlarge")),
        tuple(
            (
                each.preset,
                each.side,
                *_share(each.step_gflop, each.step, most),
                *_share(each.upscale_gflop, each.upscale, most),
            )
            for each in found
        ),
    )
    figures = {
        "peak_gflop_per_second": most / 1e9,
        "each": [asdict(each) for each in found],
    }
    return Report(figures, (parts, shares))


def _megapixels_per_second(speeds: Speeds) -> float:
    """Return megapixels of output per second of enlarging."""
    scale = PRESETS[speeds.preset].scale
    return (scale * speeds.side) ** 2 / 1e6 / speeds.upscale.median


def _columns(part: str) -> tuple[str, str, str]:
    return f"{part} GFLOP", "GFLOP/s", "of peak"


def _share(gflop: float, timing: Timing, most: float) -> tuple[float, float, str]:
    reached = gflop / timing.median
    return gflop, reached, f"{1e11 * reached / most:.0f} %"
