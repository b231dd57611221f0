"""Do frames pass from ZeroMQ to ZeroMQ without loss, and how fast beside a bare loop?

Senders, srstream and a receiver are processes of their own on one machine. srstream is its
real source, pipeline, ledger and sink, around a processor that gives every frame back as
it was.

First ten thousand small frames, native and raw, from four REQ senders in `block` to one
PULL receiver: every frame carries its number in its pixels, and each must come, once and
in its sender's order.

Then frames of 1080p, in two ways: `native`, from PUSH to PULL; and `imagezmq`, from an
unmodified ImageSender to an unmodified ImageHub, which wait for an answer to each frame.
A bare loop of pyzmq (receive a message, send it on, no copies) with the same frames,
sockets, high-water marks, senders and receivers takes turns with srstream; the ratio is
the median over the pairs. Goal: 0.8. The copies of the pixels that srstream makes are
counted by reading it: see bench/README.md; a test holds the count.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

from bench.bare import bare_loop
from bench.children import Child
from bench.endpoints import free_endpoint
from bench.goals import Goal, judged
from bench.receiving import Received, Receiving, received, receiving
from bench.report import Report, Table, say
from bench.sending import Sending, sending
from bench.stage import staged

KEPT = 0.8
"""Of the bare loop's messages per second; the goal."""
COPIES = {"native": 0, "imagezmq": 0}
"""Of the pixels, made by srstream around a processor that makes none."""
_BUDGET = 64
"""MB of frames that wait before the sink's receivers, as it has it by default."""
_LATE = 900.0

Way = Literal["native", "imagezmq"]
Keys = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    small: Annotated[int, "small frames"] = 10_000
    senders: Annotated[int, "of small frames"] = 4
    large: Annotated[int, "large frames of each run"] = 200
    rounds: Annotated[int, "pairs of runs with large frames, in each way"] = 5
    width: Annotated[int, "of a large frame in pixels"] = 1920
    height: Annotated[int, "of a large frame in pixels"] = 1080

    def __post_init__(self) -> None:
        if min(self.large, self.rounds) < 1 or self.small < 2:
            raise ValueError("rounds, small and large must be 1, 2 and 2 at least")


def run(options: Options) -> Report:
    """Send small frames, then large ones in both ways."""
    with tempfile.TemporaryDirectory() as place:
        small = _small(Path(place) / "small", options)
        say(f"small: {small.total} frames, {small.rate:.0f} per second")
        large: dict[str, dict[str, list[Received]]] = {
            way: _pairs(way, Path(place) / way, options) for way in ("native", "imagezmq")
        }
    return _report(small, large, options)


def _small(folder: Path, options: Options) -> Received:
    source, sink = _ways("small")
    with (
        staged(source, sink, folder) as stage,
        receiving(
            Receiving(kind="pull", endpoint=sink["endpoints"][0], messages=options.small),
            folder,
        ) as receiver,
        sending(
            Sending(
                kind="req",
                endpoint=source["endpoints"][0],
                messages=options.small,
                senders=options.senders,
                width=64,
                height=48,
            ),
            folder,
        ),
    ):
        found = received(receiver, within=_LATE)
        stage.stop(signal.SIGTERM)
    return found


def _pairs(way: Way, folder: Path, options: Options) -> dict[str, list[Received]]:
    nbytes = options.width * options.height * 3
    hold = max(2, _BUDGET * 10**6 // nbytes)
    found: dict[str, list[Received]] = {"srstream": [], "bare": []}
    for number in range(options.rounds):
        # The first of a pair is not always the same: what it leaves behind may count.
        for name in sorted(found, reverse=bool(number % 2)):
            source, sink = _ways(way)
            place = folder / f"{name}{number}"
            between = partial(staged, source, sink, place)
            if name == "bare":
                between = partial(bare_loop, source, sink, place, hold=hold)
            found[name].append(_large(way, between, source, sink, place, options))
        rates = {name: runs[-1].rate for name, runs in found.items()}
        say(f"{way}: " + ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items()))
    return found


def _large(
    way: Way,
    between: Callable[[], AbstractContextManager[Child]],
    source: Keys,
    sink: Keys,
    folder: Path,
    options: Options,
) -> Received:
    with (
        between() as process,
        receiving(
            Receiving(
                kind="pull" if way == "native" else "hub",
                endpoint=sink["endpoints"][0],
                messages=options.large,
            ),
            folder,
        ) as receiver,
        sending(
            Sending(
                kind="push" if way == "native" else "imagezmq",
                endpoint=source["endpoints"][0],
                messages=options.large,
                width=options.width,
                height=options.height,
            ),
            folder,
        ),
    ):
        found = received(receiver, within=_LATE)
        process.stop(signal.SIGTERM)
    return found


def _ways(way: Literal["small", "native", "imagezmq"]) -> tuple[Keys, Keys]:
    """Return the keys of the source and of the sink."""
    source: Keys = {
        "endpoints": [free_endpoint()],
        "pattern": "pull" if way == "native" else "rep",
        "overload": "block",
    }
    sink: Keys = {"endpoints": [free_endpoint()], "pattern": "push", "budget_mb": _BUDGET}
    if way == "imagezmq":
        sink |= {"pattern": "req", "connect": True, "format": "imagezmq"}
    return source, sink


def _report(
    small: Received, large: dict[str, dict[str, list[Received]]], options: Options
) -> Report:
    goals = [
        Goal("small frames that came", small.total, at_least=options.small),
        Goal("small frames out of turn", small.out_of_turn, 0),
    ]
    rows, figures = [], {}
    for way, runs in large.items():
        ratio = median(
            ours.rate / bare.rate
            for ours, bare in zip(runs["srstream"], runs["bare"], strict=True)
        )
        wrong = sum(
            each.out_of_turn + options.large - each.total for each in runs["srstream"]
        )
        goals.append(Goal(f"{way}: large frames lost or out of turn", wrong, 0))
        goals.append(Goal(f"{way}: of the bare loop's rate", ratio, at_least=KEPT))
        for name, each in runs.items():
            rate = median(one.rate for one in each)
            rows.append((way, name, rate, rate * each[0].nbytes / 1e6))
        figures[way] = {
            "ratio": ratio,
            "copies": COPIES[way],
            **{f"{name}_per_second": [e.rate for e in each] for name, each in runs.items()},
        }
    tables = (
        Table(
            f"{options.small} frames of 64x48 from {options.senders} REQ senders",
            ("frames", "per second", "MB/s"),
            ((small.total, small.rate, small.rate * small.nbytes / 1e6),),
            digits=1,
        ),
        Table(
            f"{options.width}x{options.height} raw, {options.rounds} x {options.large}",
            ("way", "through", "messages/s", "MB/s"),
            tuple(rows),
            digits=1,
        ),
    )
    copies = ", ".join(f"{number} ({way})" for way, number in COPIES.items())
    return judged(
        "In and out",
        goals,
        {"small": {**asdict(small), "per_second": small.rate}, **figures},
        tables,
        (f"Copies of the pixels that srstream makes: {copies}; see bench/README.md.",),
    )
