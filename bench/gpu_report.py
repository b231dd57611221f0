"""What `bench gpu` found, as one table, verdicts and figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from bench.arguments import Fixed
from bench.goals import Goal
from bench.recorded import Both
from bench.report import Report, Table
from bench.timing import Timing

SCALE = 2
GOAL_SIZE = (960, 540)
"""Width and height of the frames that the goals are about."""
GOAL_FPS = {"realtime": 1000.0, "paper": 30.0}
FORWARD_APART = {"float32": 1e-6, "bfloat16": 1e-2}
"""The most by which the two ways may enlarge differently, in units of full scale. The
kernels are the same, but in bfloat16 one may be chosen that sums in another order."""
WEIGHTS_APART = 1e-4
"""And the weights after 20 steps in float32, over the largest; in bfloat16 a hundred times
that: gradients differ by some codes of 8 bits, and Adam follows their signs."""


@dataclass(frozen=True, slots=True)
class Found:
    """Of one preset in one precision."""

    preset: str
    precision: Fixed
    steps: int
    both: Both
    session_fps: float
    beside_fps: float
    psnr_bicubic: float
    psnr_frozen: float
    psnr_adapted: float
    share_of_peak: float
    memory_mb: float | None
    """The most that torch held on the device; none: on a CPU."""


def report(
    found: Sequence[Found], *, size: tuple[int, int], device: torch.device
) -> Report:
    """Return the table and the verdicts.

    Args:
        found: in the order of the rows.
        size: width and height of the frames before they are enlarged.
        device: that they were measured on.
    """
    goals = list(_goals(found, size)) if device.type == "cuda" else []
    told = [
        {"what": goal.what, "found": goal.found, **goal.bounds, "met": goal.is_met}
        for goal in goals
    ]
    figures = {"found": [_figures(each) for each in found], "goals": told}
    columns = (
        "preset, precision",
        "forward ms",
        "graph",
        "step ms",
        "graph",
        "steps",
        "session fps",
        "beside fps",
        "bicubic dB",
        "frozen",
        "adapted",
        "GFLOP",
        "of peak",
        "MB",
    )
    title = f"{size[0]}x{size[1]}, x{SCALE}, on {device}"
    table = Table(title, columns, tuple(_row(each) for each in found), digits=2)
    notes = [
        f"{'met' if goal.is_met else 'MISSED'}: {goal.what}: {goal.found:.4g}, wanted "
        + ", ".join(f"{name.replace('_', ' ')} {x:g}" for name, x in goal.bounds.items())
        for goal in goals
    ]
    if device.type != "cuda":
        notes.append(f"Graphs are not used on {device}; nothing is held against goals.")
    for each in found:
        notes += [f"not recorded, {each.preset}: {why}" for why in each.both.failed]
    return Report(figures, (table,), tuple(notes))


def _goals(found: Sequence[Found], size: tuple[int, int]) -> Iterator[Goal]:
    for each in found:
        name = f"{each.preset}, {each.precision}"
        yield Goal(
            f"{name}: a graph enlarges as the network does",
            _found(each.both.forward_apart),
            at_most=FORWARD_APART[each.precision],
        )
        is_exact = each.precision == "float32"
        yield Goal(
            f"{name}: weights after graphs of steps",
            _found(each.both.weights_apart),
            at_most=WEIGHTS_APART if is_exact else 100 * WEIGHTS_APART,
        )
        at_goal = size == GOAL_SIZE
        if at_goal and each.precision == "bfloat16" and each.preset in GOAL_FPS:
            least = GOAL_FPS[each.preset]
            yield Goal(f"{name}: session, fps", each.session_fps, at_least=least)
            yield Goal(f"{name}: beside, fps", each.beside_fps, at_least=least)


def _found(apart: float | None) -> float:
    """Return a difference; what is not a number is as far apart as can be."""
    return apart if apart is not None and math.isfinite(apart) else 1e9


def _row(each: Found) -> tuple[str | int | float | None, ...]:
    both = each.both
    return (
        f"{each.preset}, {each.precision}",
        _ms(both.forward),
        _ms(both.forward_graph),
        _ms(both.step),
        _ms(both.step_graph),
        each.steps,
        each.session_fps,
        each.beside_fps,
        each.psnr_bicubic,
        each.psnr_frozen,
        each.psnr_adapted,
        both.forward_gflop,
        each.share_of_peak,
        each.memory_mb,
    )


def _ms(timing: Timing | None) -> float | None:
    return None if timing is None else 1e3 * timing.median


def _figures(each: Found) -> dict[str, Any]:
    figures = asdict(each)
    for name in ("forward_apart", "weights_apart"):
        if figures["both"][name] is not None:
            figures["both"][name] = _found(figures["both"][name])
    return figures
