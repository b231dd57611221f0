"""Beside FSRCNN and ESPCN: as published, and trained as srstream's network is trained.

  published   the files of others, run by OpenCV 4.11 (`dnn_superres`); trained on other
              pictures, which were shrunk without antialiasing
  retrained   the same architectures, rebuilt in torch and trained by `train-peers` on our
              pictures by our recipe; their weights stand in bench/trained/. Ours is there
              too if it was trained with as few steps

All enlarge the same pictures in the same run, made small in both ways: `antialiased`, by
bicubic widened by the scale, as K of the engine does it, and `aliased`, by bicubic that
looks at 16 pixels whatever the scale. Ours is frozen, without ensemble.

Times are of one frame, by turns: every round calls each once, and a ratio is the median
over the rounds, so that what else the machine does hits all alike. 8-bit pixels in and
out; `luma` is one plane alone, `colour` is RGB, of which FSRCNN and ESPCN enlarge the
luma, and bicubic the rest. Networks of torch run in float32 and in bfloat16; what is shown,
and scored, is the faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Any, Literal, TypeAlias

import torch

from bench import peers
from bench.arguments import PRECISIONS, Preset
from bench.goals import Goal, judged
from bench.methods import Bytes, Method, OfOpenCv, OfTorch
from bench.opencv import published
from bench.pictures import (
    WITHOUT_A_NETWORK,
    Original,
    data_set,
    shrunk,
    shrunk_aliased,
    truths,
)
from bench.report import Report, Table, say
from bench.sessions import carried_of, settings_of, weights_of
from bench.timing import Timing, by_turns, in_ms, timing_of
from srstream.engine.nets import Net
from srstream.engine.weights import Weights
from srstream.evaluation.metrics import psnr_y

SETS = ("set5", "set14")
INPUTS = {"antialiased": shrunk, "aliased": shrunk_aliased}
GOAL_SCALE = 2
RETRAINED = {"FSRCNN, retrained": 0.2, "ESPCN, retrained": 0.4}
"""How many dB of Set5's luma ours must be better at x2, antialiased."""
TRAINED = Path(__file__).parents[1] / "trained"
Part: TypeAlias = Literal["luma", "colour"]
PARTS: tuple[Part, ...] = ("luma", "colour")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path, "folder of the data sets set5 and set14"]
    peers: Annotated[Path, "folder of the published files: FSRCNN_x2.pb and so on"]
    trained: Annotated[Path, "folder of the retrained networks"] = TRAINED
    preset: Annotated[Preset, "ours"] = "realtime"
    scales: Annotated[tuple[int, ...], "2, 3 or 4"] = (2, 3, 4)
    width: Annotated[int, "of the frame that is timed, before it is enlarged"] = 480
    height: Annotated[int, "of that frame"] = 270
    rounds: Annotated[int, "calls of each that are timed"] = 40


@dataclass(frozen=True, slots=True, eq=False)
class Entered:
    """All that is compared at one scale."""

    scale: int
    methods: list[Method]
    """Ours first, and every network in each precision."""
    trainings: dict[str, dict[str, Any]]
    """Of the networks of torch, by name; ours first."""
    sets: dict[str, list[Original]]


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one method on one frame."""

    name: str
    precision: str
    scale: int
    gflop: float | None
    """On the luma; torch's networks only."""
    luma: Timing | None
    colour: Timing
    over_ours: dict[Part, float | None]
    """How many times as long as ours it takes; the median over the rounds."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one method on one set, made small in one way."""

    name: str
    scale: int
    input: str
    set: str
    psnr_y: float
    each: dict[str, float]


def run(options: Options) -> Report:
    """Time and score every method at every scale."""
    # What is missing is to be found before anything is timed.
    entered = [_entered(options, scale) for scale in options.scales]
    speeds: list[Speed] = []
    scores: list[Quality] = []
    for each_scale in entered:
        scale = each_scale.scale
        timed, fastest = _timed(each_scale.methods, scale, options)
        speeds += timed
        for each in timed:
            say(f"x{scale} {each.name} {each.precision}: {in_ms(each.colour)} ms in colour")
        scores += _scored(fastest, each_scale)
    return _report(speeds, scores, entered, options)


def _entered(options: Options, scale: int) -> Entered:
    settings = settings_of(options.preset, scale=scale, precision="float32")
    weights = weights_of(settings)
    nets: dict[str, Net] = {options.preset: carried_of(settings, torch.device("cpu")).net}
    trainings: dict[str, dict[str, Any]] = {}
    if weights is not None:
        trainings[options.preset] = peers.training_of(weights.about)
    for name, net, training in _retrained(options.trained, scale, weights):
        nets[name], trainings[name] = net, training
    methods: list[Method] = [
        OfTorch(name, net, scale=scale, precision=precision)
        for name, net in nets.items()
        for precision in PRECISIONS
    ]
    threads = torch.get_num_threads()
    files = published(options.peers, scale=scale, threads=threads)
    sets = {name: data_set(options.data / name, scale=scale) for name in SETS}
    methods += [OfOpenCv(each) for each in files]
    return Entered(scale, methods, trainings, sets)


def _retrained(
    folder: Path, scale: int, weights: Weights | None
) -> Iterator[tuple[str, Net, dict[str, Any]]]:
    """Yield name, network and training; ours only if it is the network of these weights."""
    for kind in peers.PEERS:
        file = peers.file_of(folder, kind, scale)
        if not file.is_file():
            continue
        found = peers.load(file)
        name = f"{kind.upper()}, retrained"
        if kind == peers.OURS:
            if weights is None or found.options != weights.options:
                continue
            name = f"ours, {found.about['steps']} steps"
        yield name, found.net, peers.training_of(found.about)


def _timed(
    methods: list[Method], scale: int, options: Options
) -> tuple[list[Speed], list[Method]]:
    """Return the speeds of all, and of every network the method that is the fastest."""
    (truth,) = truths(options.height * scale, options.width * scale, count=1)
    frame = shrunk(truth, scale)
    colour = _spent({_key(m): m.colour_work(frame) for m in methods}, options.rounds)
    luma = _spent({_key(m): m.luma_work(frame) for m in methods}, options.rounds)
    fastest: dict[str, Method] = {}
    for method in methods:
        known = fastest.get(method.name)
        if known is None or _median(colour, method) < _median(colour, known):
            fastest[method.name] = method
    ours = fastest[options.preset]
    speeds = [
        Speed(
            method.name,
            method.precision,
            scale,
            gflop=method.gflop(frame),
            luma=timing_of(luma[_key(method)]) if _key(method) in luma else None,
            colour=timing_of(colour[_key(method)]),
            over_ours={
                "luma": _ratio(luma, method, ours),
                "colour": _ratio(colour, method, ours),
            },
        )
        for method in methods
    ]
    return speeds, list(fastest.values())


def _spent(
    works: Mapping[str, Callable[[], object] | None], rounds: int
) -> dict[str, list[float]]:
    able = {key: work for key, work in works.items() if work is not None}
    return by_turns(able, device=torch.device("cpu"), rounds=rounds)


def _key(method: Method) -> str:
    return f"{method.name} {method.precision}"


def _median(spent: Mapping[str, list[float]], method: Method) -> float:
    return median(spent[_key(method)])


def _ratio(spent: Mapping[str, list[float]], method: Method, ours: Method) -> float | None:
    if _key(method) not in spent or _key(ours) not in spent:
        return None
    pairs = zip(spent[_key(method)], spent[_key(ours)], strict=True)
    return median(theirs / mine for theirs, mine in pairs)


def _scored(methods: list[Method], entered: Entered) -> list[Quality]:
    scale = entered.scale
    ways: dict[str, Callable[[Bytes], Bytes]] = {
        **{way: partial(_plainly, way, scale) for way in WITHOUT_A_NETWORK},
        **{method.name: method.enlarge for method in methods},
    }
    found = []
    for name, originals in entered.sets.items():
        for kind, shrink in INPUTS.items():
            lows = [shrink(original.pixels, scale) for original in originals]
            for way, enlarge in ways.items():
                each = {
                    original.name: _score(original.pixels, enlarge(low), scale)
                    for original, low in zip(originals, lows, strict=True)
                }
                found.append(Quality(way, scale, kind, name, fmean(each.values()), each))
    return found


def _plainly(way: str, scale: int, low: Bytes) -> Bytes:
    return WITHOUT_A_NETWORK[way](low, scale)


def _score(truth: Bytes, result: Bytes, scale: int) -> float:
    return psnr_y(truth, result, border=scale)


def _report(
    speeds: list[Speed], scores: list[Quality], entered: list[Entered], options: Options
) -> Report:
    figures: dict[str, Any] = {
        "trainings": {f"x{each.scale}": each.trainings for each in entered},
        "speed": [asdict(each) for each in speeds],
        "quality": [asdict(each) for each in scores],
    }
    steps = {
        (each.scale, name): training.get("recipe.steps")
        for each in entered
        for name, training in each.trainings.items()
    }
    tables = [_table_of_speeds(speeds, options), _table_of_scores(scores, steps)]
    trainings = {each.scale: each.trainings for each in entered}.get(GOAL_SCALE)
    if trainings is None:
        return Report(figures, tuple(tables))
    goals = goals_of(speeds, scores, trainings, options.preset)
    notes = notes_on(trainings, options.preset)
    if not goals:
        return Report(figures, tuple(tables), tuple(notes))
    return judged("Goals at x2, antialiased", goals, figures, tables, notes)


def notes_on(trainings: Mapping[str, dict[str, Any]], preset: str) -> list[str]:
    """Say which of the goals' networks are not trained, or not as ours."""
    notes = []
    for rival in RETRAINED:
        if rival not in trainings:
            notes.append(f"{rival}: not there; python -m bench train-peers makes it.")
        elif _trained_as(rival, trainings) is None:
            theirs, ours = trainings[rival], trainings.get(preset, {})
            keys = sorted(theirs.keys() | ours.keys())
            other = ", ".join(key for key in keys if theirs.get(key) != ours.get(key))
            notes.append(f"{rival}: not trained as {preset}; what differs: {other}.")
    return notes


def _trained_as(rival: str, trainings: Mapping[str, dict[str, Any]]) -> str | None:
    """Return the one of ours that was trained as this one; none: there is none."""
    ours = [name for name in trainings if name not in RETRAINED]
    alike = (name for name in ours if trainings[name] == trainings[rival])
    return next(alike, None)


def goals_of(
    speeds: list[Speed],
    scores: list[Quality],
    trainings: Mapping[str, dict[str, Any]],
    preset: str,
) -> list[Goal]:
    """Return the goals about the retrained networks that are there.

    Against the one of ours that was trained alike; else against the preset.
    """
    psnr = {
        each.name: each.psnr_y
        for each in scores
        if (each.scale, each.input, each.set) == (GOAL_SCALE, "antialiased", "set5")
    }
    goals = []
    for rival, wanted in RETRAINED.items():
        if rival not in trainings:
            continue
        theirs = [s for s in speeds if (s.name, s.scale) == (rival, GOAL_SCALE)]
        ours = _trained_as(rival, trainings) or preset
        gain = psnr[ours] - psnr[rival]
        goals.append(Goal(f"dB of {ours} over {rival}, on Set5", gain, at_least=wanted))
        for part in PARTS:
            # Of its precisions the one that suits it best.
            ratios = [each.over_ours[part] for each in theirs]
            least = min((ratio for ratio in ratios if ratio is not None), default=None)
            if least is not None:
                what = f"time of {rival} over {preset}, {part}"
                goals.append(Goal(what, least, at_least=1.0))
    return goals


def _table_of_speeds(speeds: list[Speed], options: Options) -> Table:
    return Table(
        f"Milliseconds for {options.width}x{options.height}, median (95 of 100 at most), "
        f"{torch.get_num_threads()} threads",
        (
            *("method", "precision", "scale", "GFLOP"),
            *("luma", "over ours", "colour", "over ours"),
        ),
        tuple(
            (
                each.name,
                each.precision,
                f"x{each.scale}",
                each.gflop,
                None if each.luma is None else in_ms(each.luma),
                each.over_ours["luma"],
                in_ms(each.colour),
                each.over_ours["colour"],
            )
            for each in speeds
        ),
    )


def _table_of_scores(
    scores: list[Quality], steps: Mapping[tuple[int, str], int | None]
) -> Table:
    columns = [(name, kind) for name in SETS for kind in INPUTS]
    found = {(s.name, s.scale, s.set, s.input): s.psnr_y for s in scores}
    rows = dict.fromkeys((each.scale, each.name) for each in scores)
    return Table(
        "Y-PSNR in dB, by how the pictures were made small",
        ("method", "scale", "steps", *(f"{name} {kind}" for name, kind in columns)),
        tuple(
            (
                name,
                f"x{scale}",
                steps.get((scale, name)),
                *(found[name, scale, *column] for column in columns),
            )
            for scale, name in rows
        ),
    )
