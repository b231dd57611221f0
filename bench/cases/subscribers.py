"""What does a subscriber that stopped cost one that did not, and the publisher?

Frames of 1080p, 6.2 MB raw, go through srstream (its engine left out) to PUB at the rate
of a camera, twice: to a fast subscriber alone, and to the fast one beside one that has
stopped reading, whose own socket takes one message. Goals: the fast one gets every frame;
srstream's memory exceeds that of its start by no more than the sink's budget and six
frames, and by no more than the budget what it is without the stopped subscriber.

Then the stopped subscriber goes on, and some more frames are sent. Each frame carries its
own number in its pixels, so that it is known which ones it missed: these must be the gaps
in `seq`, exactly.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from bench.children import Child
from bench.endpoints import free_endpoint
from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.resident import most_resident, resident_mb
from bench.sending import Sending, sending
from bench.stage import staged
from bench.stamps import DIFFERENT
from bench.subscribing import Got, Subscribing, got, subscribing

_FRAMES_OF_ITS_OWN = 6
"""That the publisher has in hand beside what waits for subscribers."""
_HELLO, _COUNTED, _TAIL = 0, 1, 2
"""Numbers of the senders: until all have joined, what counts, and after the stop."""
_TAIL_FRAMES = 10
_HELLO_GAP = 0.05
"""Seconds; slow enough for one that has to catch up."""
_HELLOS = 20
_LATE = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    frames: Annotated[int, "that count"] = 400
    fps: Annotated[float, "frames per second of the sender"] = 25.0
    budget_mb: Annotated[int, "of the sink, for each subscriber"] = 64
    width: Annotated[int, "of a frame in pixels"] = 1920
    height: Annotated[int, "of a frame in pixels"] = 1080

    @property
    def frame_mb(self) -> float:
        """Of a raw frame."""
        return self.width * self.height * 3 / 1e6


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    start_mb: float
    peak_mb: float
    fast: int
    """Frames that the fast subscriber got."""
    stopped: int
    """Frames that the other got, with what came after it went on."""
    missed: int
    """Frames that it did not get."""
    gaps: int
    """Numbers that are missing in what it got."""

    @property
    def grown_mb(self) -> float:
        """Over the start."""
        return self.peak_mb - self.start_mb


def run(options: Options) -> Report:
    """Send to one, then to both."""
    with tempfile.TemporaryDirectory() as place:
        alone = _run(Path(place) / "alone", options, with_stopped=False)
        say(f"alone: {alone}")
        beside = _run(Path(place) / "beside", options, with_stopped=True)
        say(f"beside: {beside}")
    return _report(alone, beside, options)


def _run(folder: Path, options: Options, *, with_stopped: bool) -> Run:
    source, sink = free_endpoint(), free_endpoint()
    with ExitStack() as stack:
        stage = stack.enter_context(
            staged(
                {"endpoints": [source], "overload": "block"},
                {"endpoints": [sink], "budget_mb": options.budget_mb},
                folder,
            )
        )
        subscribers = [
            stack.enter_context(
                subscribing(
                    Subscribing(
                        endpoint=sink,
                        stops=stops,
                        last_sender=_TAIL,
                        messages=_TAIL_FRAMES,
                    ),
                    folder / name,
                )
            )
            for name, stops in (("fast", False), ("stopped", True))[: 1 + with_stopped]
        ]
        start_mb = resident_mb(stage.process.pid)
        with most_resident(stage.process.pid) as most:
            _send(_HELLO, _HELLOS, _HELLO_GAP, source, folder, options)
            _wait_for_all(subscribers)
            _send(_COUNTED, options.frames, 1 / options.fps, source, folder, options)
        for stopped in subscribers[1:]:
            stopped.tell("go on")
        time.sleep(1.0)  # what waited for it is read
        _send(_TAIL, _TAIL_FRAMES, _HELLO_GAP, source, folder, options)
        found = [got(subscriber, within=_LATE) for subscriber in subscribers]
    lost, gaps = missed(found[-1], (_HELLOS, options.frames, _TAIL_FRAMES))
    return Run(
        start_mb=start_mb,
        peak_mb=most.mb,
        fast=sum(frame.sender == _COUNTED for frame in found[0]),
        stopped=len(found[1]) if with_stopped else 0,
        missed=lost,
        gaps=gaps,
    )


def _send(
    sender: int, frames: int, gap: float, endpoint: str, folder: Path, options: Options
) -> None:
    what = Sending(
        kind="req",
        endpoint=endpoint,
        messages=frames,
        width=options.width,
        height=options.height,
        first=sender,
        gap=gap,
    )
    with sending(what, folder) as process:
        process.hear(within=_LATE)


def _wait_for_all(subscribers: Sequence[Child]) -> None:
    for subscriber in subscribers:
        subscriber.hear(within=_LATE)


def missed(frames: Sequence[Got], sent: Sequence[int]) -> tuple[int, int]:
    """Return how many frames a subscriber missed since its first, and its gaps in `seq`.

    Args:
        frames: that it got; one of the last sender is among them.
        sent: how many each sender sent, one sender after the other.

    Raises:
        ValueError: a frame's number in the stream is not what it was when it was sent.
    """
    for frame in frames:
        place = sum(sent[: frame.sender]) + frame.number + 1
        if (frame.seq - place) % DIFFERENT or frame.seq > sum(sent[: frame.sender + 1]):
            raise ValueError(f"{frame} is not the {place}th, or {DIFFERENT} further on")
    first, last = frames[0].seq, frames[-1].seq
    return sum(sent) - (first - 1) - len(frames), last - first + 1 - len(set(frames))


def _report(alone: Run, beside: Run, options: Options) -> Report:
    allowed = options.budget_mb + _FRAMES_OF_ITS_OWN * options.frame_mb
    goals = [
        Goal("frames that the fast one got", beside.fast, at_least=options.frames),
        Goal("MB over the start", beside.grown_mb, allowed),
        Goal(
            "MB for the stopped one",
            beside.grown_mb - alone.grown_mb,
            options.budget_mb,
        ),
        Goal("missed frames that are no gaps", abs(beside.missed - beside.gaps), 0),
        Goal("frames that the stopped one missed", beside.missed, at_least=1),
    ]
    table = Table(
        f"{options.frames} frames of {options.frame_mb:.1f} MB",
        ("subscribers", "fast got", "MB at the start", "MB over it", "stopped missed"),
        (
            ("fast", alone.fast, alone.start_mb, alone.grown_mb, None),
            (
                "fast and stopped",
                beside.fast,
                beside.start_mb,
                beside.grown_mb,
                beside.missed,
            ),
        ),
        digits=1,
    )
    figures = {"alone": asdict(alone), "beside": asdict(beside)}
    return judged("One that stopped", goals, figures, (table,))
