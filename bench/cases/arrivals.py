"""Is a file ever taken before it is complete, or never at all?

A thousand pictures of noise, 50 writers at once, each 64 KB/s in pieces with pauses of 0.9
of the window for which a file must not change. A quarter each is held open all the while,
closed after each piece, renamed in, and overwritten: there and done, then truncated and
written slowly with other content. One more is held open for long, many windows without a
change. The daemon does not adapt.

Taken early: a frame that was skipped as no whole picture, or one more line of statistics
than contents. Never taken: one less; or an output that does not show the last content.
Where a writer's pause came out longer than the window, as happens on a busy machine, a
closed file rightly counts as complete; such files are told and not judged.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image

from bench.goals import Goal, judged
from bench.report import Report, Table, say
from bench.results_folder import is_whole
from bench.serving import Served
from bench.tiny import START, Tiny, noise
from bench.told import Told, told_in
from bench.writers import Pace, Way, write

_LATE = 180.0
_LONG = "long.png"
_UNLIKE = 40.0
"""Mean difference of codes above which two pictures are not of the same content: it is 85
between two of noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    files: Annotated[int, "in all, but for the one that is held long"] = 1000
    writers: Annotated[int, "at once"] = 50
    window: Annotated[float, "seconds without a change after which a file is taken"] = 0.5
    rate: Annotated[int, "bytes per second of each writer"] = 64_000
    side: Annotated[int, "of the largest picture in pixels; the smallest has 0.7 of it"] = (
        200
    )
    held: Annotated[float, "seconds for which one file is held open"] = 20.0
    seed: Annotated[int, "of pictures and sizes"] = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A file, and how it comes."""

    name: str
    way: Way
    side: int
    seed: int

    @property
    def contents(self) -> int:
        return 2 if self.way is Way.OVERWRITTEN else 1

    def data(self, content: int) -> bytes:
        """Return what is written; another for each content."""
        return noise(np.random.default_rng((self.seed, content)), self.side)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of the files that are judged."""

    judged: int
    slow: int
    """Files whose writer paused longer than the window while nothing held them open."""
    skipped: Counter[Way]
    too_many: Counter[Way]
    too_few: Counter[Way]
    wrong: Counter[Way]
    """Outputs that do not show the last content."""


def run(options: Options) -> Report:
    """Write; look at what the daemon made of it."""
    plans = plan(options)
    with tempfile.TemporaryDirectory() as place:
        tiny = Tiny(
            Path(place),
            source={"settle": options.window},
            sink={"compression": 1},
            adapts=False,
        )
        with tiny.serving() as daemon:
            daemon.wait_for_event("stream ready", within=START)
            began = time.monotonic()
            slow = _write_all(plans, tiny, options, daemon)
            say(f"written in {time.monotonic() - began:.0f} s")
            contents = sum(plan.contents for plan in plans) + 1
            last = _wait(tiny, daemon, contents, options)
            daemon.stop()
            skipped = Counter(str(e["source"]) for e in daemon.events("frame skipped"))
            postponed = len(daemon.events("frame postponed"))
        found = judge(plans, slow, skipped, told_in(tiny.stats), tiny)
        is_long_right = told_in(tiny.stats).sources[_LONG] == 1 and not skipped[_LONG]
    say(f"{postponed} postponed, last after {last:.1f} s")
    return _report(found, plans, is_long_right=is_long_right)


def plan(options: Options) -> list[Plan]:
    """Return what to write: all ways by turns."""
    draw = np.random.default_rng(options.seed)
    sides = draw.integers(int(0.7 * options.side), options.side + 1, options.files)
    ways = list(Way)
    return [
        Plan(f"file{number:05d}.png", ways[number % len(ways)], int(side), number)
        for number, side in enumerate(sides)
    ]


def _write_all(plans: list[Plan], tiny: Tiny, options: Options, daemon: Served) -> set[str]:
    """Return which files changed too seldom to be judged."""
    pace = Pace(options.rate, 0.9 * options.window)
    slow = set()
    holder = threading.Thread(target=_hold_long, args=(tiny.inbox / _LONG, options.held))
    holder.start()

    def write_one(plan: Plan) -> None:
        path = tiny.inbox / plan.name
        if plan.way is Way.OVERWRITTEN:
            path.write_bytes(plan.data(0))
            _wait_for_output(tiny.outbox / plan.name, daemon)
        longest = write(path, plan.data(plan.contents - 1), plan.way, pace)
        if plan.way is Way.APPENDED and longest >= options.window:
            slow.add(plan.name)

    with ThreadPoolExecutor(options.writers) as pool:
        for number, _ in enumerate(pool.map(write_one, plans), 1):
            daemon.check()
            if number % 100 == 0:
                say(f"{number} of {len(plans)} files written")
    holder.join()
    return slow


def _hold_long(path: Path, seconds: float) -> None:
    """Write all but the end of a picture, hold it open for long, and write the end."""
    data = noise(np.random.default_rng(), 64)
    with path.open("wb", buffering=0) as file:
        file.write(data[:-100])
        time.sleep(seconds)
        file.write(data[-100:])


def _wait_for_output(path: Path, daemon: Served) -> None:
    daemon.wait_until(path.exists, str(path), within=_LATE, poll=0.05)


def _wait(tiny: Tiny, daemon: Served, contents: int, options: Options) -> float:
    """Wait until all is done, or nothing more comes; return the seconds it took."""
    began = time.monotonic()
    lines, last = -1, began
    while (now := told_in(tiny.stats).lines) < contents:
        daemon.check()
        if now > lines:
            lines, last = now, time.monotonic()
        if time.monotonic() > last + 30.0:
            break  # what is missing is never taken
        time.sleep(0.2)
    time.sleep(4 * options.window)  # for what is done once too often
    return time.monotonic() - began


def judge(
    plans: list[Plan], slow: set[str], skipped: Counter[str], told: Told, tiny: Tiny
) -> Found:
    """Compare what was written with what was done."""
    found = Found(
        judged=len(plans) - len(slow),
        slow=len(slow),
        skipped=Counter(),
        too_many=Counter(),
        too_few=Counter(),
        wrong=Counter(),
    )
    for plan in plans:
        if plan.name in slow:
            continue
        lines = told.sources[plan.name]
        found.skipped[plan.way] += skipped[plan.name]
        found.too_many[plan.way] += max(0, lines - plan.contents)
        found.too_few[plan.way] += max(0, plan.contents - lines)
        found.wrong[plan.way] += not _shows(tiny.outbox / plan.name, plan)
    return found


def _shows(output: Path, plan: Plan) -> bool:
    """Tell whether an output is an enlargement of the last content."""
    if not output.exists() or not is_whole(output):
        return False
    pixels = np.random.default_rng((plan.seed, plan.contents - 1)).integers(
        0, 256, (plan.side, plan.side, 3), dtype=np.uint8
    )
    with Image.open(output) as image:
        if image.size != (2 * plan.side, 2 * plan.side):
            return False
        small = np.asarray(image.resize((plan.side, plan.side), Image.Resampling.BOX))
    difference = np.abs(small.astype(np.float32) - pixels).mean()
    return bool(difference < _UNLIKE)


def _report(found: Found, plans: list[Plan], *, is_long_right: bool) -> Report:
    early = found.skipped.total() + found.too_many.total()
    goals = [
        Goal("files taken early", early, 0),
        Goal("files never taken", found.too_few.total(), 0),
        Goal("outputs that do not show the last content", found.wrong.total(), 0),
        Goal("the one held long: not taken once", int(not is_long_right), 0),
    ]
    counts = Counter(plan.way for plan in plans)
    table = Table(
        f"Files by the way in which they came; {found.slow} not judged",
        ("way", "files", "skipped", "lines too many", "too few", "wrong output"),
        tuple(
            (
                way.value,
                counts[way],
                found.skipped[way],
                found.too_many[way],
                found.too_few[way],
                found.wrong[way],
            )
            for way in Way
        ),
    )
    figures = {
        "judged": found.judged,
        "not_judged": found.slow,
        "ways": {
            way.name.lower(): {
                "files": counts[way],
                "skipped": found.skipped[way],
                "too_many": found.too_many[way],
                "too_few": found.too_few[way],
                "wrong": found.wrong[way],
            }
            for way in Way
        },
    }
    return judged("Slow writers", goals, figures, (table,))
