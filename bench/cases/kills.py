"""Is anything lost, done twice or left half done when the daemon is killed?

Pictures lie in a folder, and the daemon that does them is killed (SIGKILL) again and again:
while it starts, while it recovers, and after a random number of frames; each time some
random milliseconds later, which is shorter than a frame or longer. Each time it is started
again, and after the last kill it may finish.

After each kill all outputs are looked at: one that stood before must be the same file, of
the same time and content (0 done twice), and each must decode to its end (0 partial). At
the end every picture has an output (0 lost), no temporary file is left, and the statistics
hold one whole line about each frame. With `deterministic = true` every output must also
equal that of a run that was not killed, byte for byte; that stream has two folders of
results, so that a kill may leave a frame in one of them only. The one that is not
deterministic deletes its sources once they are done, so that what is lost is lost for good.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from bench.goals import Goal, judged
from bench.kills import Phase, choose, kill_at
from bench.report import Cell, Report, Table, say
from bench.results_folder import (
    Stands,
    is_whole,
    names_in,
    snapshot,
    unfinished,
    written_again,
)
from bench.tiny import START, Tiny, fill
from bench.told import told_in

_LATE = 600.0
"""Seconds after which the daemon must be hanging."""
_FIRST_GUESS = 3.0
"""Seconds that a start takes, until one was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    pictures: Annotated[int, "in the folder"] = 500
    kills: Annotated[int, "of the deterministic daemon"] = 200
    plain_kills: Annotated[int, "of one that is not deterministic; 0: no such run"] = 100
    seed: Annotated[int, "of the moments"] = 0

    def __post_init__(self) -> None:
        if self.pictures < 2 * max(self.kills, self.plain_kills):
            raise ValueError("pictures must be twice as many as kills at least")


@dataclass(slots=True)
class Found:
    """What a run with kills came to."""

    pictures: int
    kills: int = 0
    phases: Counter[Phase] = field(default_factory=Counter)
    done_twice: set[Path] = field(default_factory=set)
    partial: set[Path] = field(default_factory=set)
    differing: set[Path] = field(default_factory=set)
    """From the run that was not killed."""
    lost: int = 0
    """Outputs that are missing at the end."""
    strangers: int = 0
    """Outputs that belong to no picture."""
    unfinished: int = 0
    lines: int = 0
    torn_lines: int = 0
    torn_after_kills: int = 0
    """Lines that were torn when the daemon was killed, and mended by the next start."""
    repeated_lines: int = 0
    missing_lines: int = 0
    adopted: int = 0
    redone: int = 0
    """As the daemon said when it recovered."""
    skipped: int = 0
    start_seconds: list[float] = field(default_factory=list)

    def as_figures(self) -> dict[str, Any]:
        """Return what can be written as JSON."""
        figures = asdict(self)
        for name in ("done_twice", "partial", "differing"):
            figures[name] = len(figures[name])
        figures["phases"] = {phase.value: self.phases[phase] for phase in Phase}
        figures["start_seconds"] = [round(seconds, 3) for seconds in self.start_seconds]
        return figures


def run(options: Options) -> Report:
    """Do all once without a kill, then with kills, then without `deterministic`."""
    with tempfile.TemporaryDirectory() as place:
        whole = _unkilled(Path(place) / "unkilled", options)
        say(f"without a kill: {len(whole)} outputs")
        found = {
            "deterministic": _killed(
                Path(place) / "killed",
                options,
                kills=options.kills,
                deterministic=True,
                whole=whole,
            )
        }
        if options.plain_kills:
            found["plain"] = _killed(
                Path(place) / "plain",
                options,
                kills=options.plain_kills,
                deterministic=False,
                whole={},
            )
    return report_of(found, options)


def _tiny(folder: Path, *, deterministic: bool) -> Tiny:
    # A long time between rescans: what is to be done is there at each start.
    return Tiny(
        folder,
        source={"rescan": 60.0, "after": "keep" if deterministic else "delete"},
        stream={"deterministic": deterministic},
        twice=deterministic,
    )


def _unkilled(folder: Path, options: Options) -> dict[str, bytes]:
    """Return the digests of all outputs, by their paths below the folder."""
    tiny = _tiny(folder, deterministic=True)
    fill(tiny.inbox, options.pictures)
    with tiny.serving() as daemon:
        tiny.wait_for_frames(daemon, options.pictures, within=_LATE)
        daemon.stop()
    stands = snapshot(*tiny.outboxes)
    return {_below(tiny, path): stood.digest for path, stood in stands.items()}


def _killed(
    folder: Path,
    options: Options,
    *,
    kills: int,
    deterministic: bool,
    whole: dict[str, bytes],
) -> Found:
    draw = np.random.default_rng(options.seed)
    tiny = _tiny(folder, deterministic=deterministic)
    pictures = fill(tiny.inbox, options.pictures)
    found = Found(options.pictures)
    stood: dict[Path, Stands] = {}
    done = 0
    began = time.monotonic()
    while found.kills < kills and done < options.pictures:
        moment = choose(
            draw,
            frames_left=options.pictures - done,
            kills_left=kills - found.kills,
            start=float(np.median(found.start_seconds or _FIRST_GUESS)),
        )
        with tiny.serving() as daemon:
            kill_at(moment, daemon, tiny, outputs=done)
        _note_log(daemon.said(), daemon.started, found)
        stands = snapshot(*tiny.outboxes)
        found.kills += 1
        found.phases[moment.phase] += 1
        found.torn_after_kills += told_in(tiny.stats).torn
        _note(tiny, found, stood, stands, whole)
        stood = stands
        done = len(names_in(tiny.outbox))
        if found.kills % 10 == 0:
            say(
                f"{'deterministic' if deterministic else 'plain'}: {found.kills} of "
                f"{kills} kills, {done} of {options.pictures} outputs, "
                f"{time.monotonic() - began:.0f} s"
            )
    with tiny.serving() as daemon:
        daemon.wait_for_event("stream ready", within=START)  # to be stopped, if all is done
        tiny.wait_for_frames(daemon, options.pictures, within=_LATE)
        if not deterministic:
            empty = "a folder without sources"
            daemon.wait_until(lambda: not names_in(tiny.inbox), empty, within=START)
        daemon.stop()
    _note_log(daemon.said(), daemon.started, found)
    _note(tiny, found, stood, snapshot(*tiny.outboxes), whole)
    _note_end(tiny, found, pictures)
    return found


def _note_log(said: list[dict[str, object]], started: float, found: Found) -> None:
    """Take in what one run said."""
    for event in said:
        match event["event"]:
            case "stream ready":
                # Its timestamp, and not when we looked.
                moment = np.datetime64(str(event["timestamp"]).rstrip("Z"), "us")
                found.start_seconds.append(float(moment.astype(np.int64)) / 1e6 - started)
            case "frames that an earlier run left unfinished":
                found.adopted += int(str(event["adopted"]))
                found.redone += int(str(event["redone"]))
            case "frame skipped" | "stream failed":
                found.skipped += 1


def _note(
    tiny: Tiny,
    found: Found,
    stood: dict[Path, Stands],
    stands: dict[Path, Stands],
    whole: dict[str, bytes],
) -> None:
    """Take in what stands in the folders of results."""
    found.done_twice |= written_again(stood, stands)
    new = [path for path in stands if path not in stood]
    found.partial.update(path for path in new if not is_whole(path))
    if whole:
        found.differing.update(
            path for path in new if whole.get(_below(tiny, path)) != stands[path].digest
        )


def _below(tiny: Tiny, path: Path) -> str:
    return str(path.relative_to(tiny.folder))


def _note_end(tiny: Tiny, found: Found, pictures: list[Path]) -> None:
    wanted = {path.stem for path in pictures}
    told = told_in(tiny.stats)
    for folder in tiny.outboxes:
        there = {Path(name).stem for name in names_in(folder)}
        found.lost += len(wanted - there)
        found.strangers += len(there - wanted)
    found.unfinished = len(unfinished(tiny.folder))
    found.lines, found.torn_lines = told.lines, told.torn
    # By number, and by picture: each is done once.
    again = sum(told.sources.values()) - len(told.sources)
    found.repeated_lines = max(told.repeated, again)
    found.missing_lines = len({path.name for path in pictures} - told.sources.keys())


def report_of(found: dict[str, Found], options: Options) -> Report:
    """Hold the findings against what is asked."""
    asked = {"deterministic": options.kills, "plain": options.plain_kills}
    goals = [
        goal
        for name, run in found.items()
        for goal in (
            Goal(f"{name}: kills that were not made", asked[name] - run.kills, 0),
            Goal(f"{name}: outputs lost", run.lost, 0),
            Goal(f"{name}: outputs written twice", len(run.done_twice), 0),
            Goal(f"{name}: partial files under a final name", len(run.partial), 0),
            Goal(f"{name}: temporary files left", run.unfinished, 0),
            Goal(f"{name}: outputs of no picture", run.strangers, 0),
            Goal(f"{name}: torn lines of statistics", run.torn_lines, 0),
            Goal(f"{name}: repeated lines", run.repeated_lines, 0),
            Goal(f"{name}: missing lines", run.missing_lines, 0),
            Goal(f"{name}: frames skipped", run.skipped, 0),
        )
    ]
    differing = len(found["deterministic"].differing)
    goals.append(Goal("deterministic: outputs unlike the unkilled run's", differing, 0))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            run.pictures,
            run.kills,
            *(run.phases[phase] for phase in Phase),
            run.adopted,
            run.redone,
            run.torn_after_kills,
        )
        for name, run in found.items()
    )
    table = Table(
        "Kills, and what the next starts said",
        (
            "run",
            "pictures",
            "kills",
            *(f"while {phase.value}" for phase in Phase),
            "adopted",
            "redone",
            "torn lines mended",
        ),
        rows,
    )
    figures = {name: run.as_figures() for name, run in found.items()}
    return judged("After the last start", goals, figures, (table,))
