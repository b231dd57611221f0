"""Does online adaptation ever do harm? What sessions claim to gain, beside the truth.

A session judges its weights on held-out pairs that it makes of the frame itself, an octave
below the real task, so that its judgement is calibrated here and not believed. Clips whose
truth is known are made small in ways that suit the engine's own pairs and in ways that do
not; each goes through the preset, and in turns through the same preset with frozen weights.

  clips         walk, carphone, bikes: from --data; pan, zoom, static: of photographs. Of
                each there are -still, -fade, -cuts and -bars, such as walk-cuts. bikes is
                for checking only: no setting may be chosen by it.
  degradations  matched (K), blur1.2, blur1.6, aliased, noise2, noise5, crf18, crf28
  true gain     dB of the luma above the frozen weights on the same frame
  estimate      the same as the session thinks
  accepted      frames that were enlarged by something else than frozen weights
  false accept  an accepted frame that lost more than 0.01 dB by it
  flicker       mean of |change of the output - change of the truth|, in codes of luma

Several --variant share the frames and their frozen enlargements:

  python -m bench gate --variant rate=1e-4 --variant rate=3e-4,steps=3 --set heldout=0.1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch

from bench.against_frozen import side_by_side
from bench.arguments import EACH, Preset
from bench.clips import FOR_CHECKING_ONLY, check_files, check_name, clip_of
from bench.degradations import DEGRADATIONS, SCALE
from bench.gains import ClipGain, Summary, summary_of
from bench.gate_goals import goals_of
from bench.gate_report import columns_of, figures_of, table_of_runs, tables_of
from bench.goals import judged
from bench.report import Report, say
from bench.sessions import settings_of, with_precision
from bench.variants import adapted
from srstream.engine import PRESETS, SessionOptions, choose_device
from srstream.engine.options import Precision

_NAMES = ("preset", "variant", "clip", "degradation")
_CLIPS = ("pan", "zoom", "static", "pan-still", "pan-fade", "pan-cuts", "pan-bars")
_CLIPS_OF_DATA = ("walk", "carphone", "walk-cuts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    data: Annotated[Path | None, "folder with clips/walk, clips/carphone.mp4 and so on"] = (
        None
    )
    clips: Annotated[
        tuple[str, ...],
        f"which  [{','.join(_CLIPS)}; with --data: {','.join(_CLIPS_OF_DATA)} as well]",
    ] = ()
    degradations: Annotated[tuple[str, ...], "which"] = tuple(DEGRADATIONS)
    frames: Annotated[int, "of each clip at most"] = 16
    start: Annotated[int, "frames of a clip from files that are passed over"] = 0
    presets: Annotated[tuple[Preset, ...], "which"] = ("realtime",)
    steps: Annotated[int | None, "per frame; short for --set steps=N"] = None
    set: Annotated[
        tuple[str, ...], "KEY=VALUE of [adapt], for all variants; may be repeated", EACH
    ] = ()
    variant: Annotated[
        tuple[str, ...], "KEY=VALUE,... of [adapt], compared with others; repeated", EACH
    ] = ()
    precision: Annotated[Precision, "of the convolutions; auto: by the self-test"] = "auto"
    seed: Annotated[int, "of the noise"] = 0
    threads: Annotated[int | None, "of torch  [all cores that may be used]"] = None
    device: Annotated[str, "auto, cpu, cuda or cuda:N"] = "cpu"
    per_frame: Annotated[bool, "print a line per frame as well"] = False

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"frames is {self.frames}; allowed: 1 or more")
        for name in self.clips:
            check_name(name, data=self.data)
        for name in self.degradations:
            if name not in DEGRADATIONS:
                allowed = ", ".join(DEGRADATIONS)
                raise ValueError(f"there is no degradation {name!r}; there are {allowed}")
        for preset in self.presets:
            self.variants_of(PRESETS[preset])

    def variants_of(self, settings: SessionOptions) -> dict[str, SessionOptions]:
        """Return settings by the text of each variant; without any, one called ``.

        Raises:
            ValueError: an option is none of [adapt], or is out of its range.
        """
        common = self.set if self.steps is None else (f"steps={self.steps}", *self.set)
        return {
            text: replace(settings, adapt=adapted(settings.adapt, (*common, text)))
            for text in self.variant or ("",)
        }


def run(options: Options) -> Report:
    """Run every clip and degradation through every preset and variant."""
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    for name in _clips(options):
        check_files(name, options.data)
    device = choose_device(options.device)
    settings: dict[str, SessionOptions] = {
        preset: with_precision(
            settings_of(preset, scale=SCALE, precision=options.precision), device
        )
        for preset in options.presets
    }
    found = list(_found(options, settings, device))
    return _report(found, settings, options)


def _found(
    options: Options, settings: Mapping[str, SessionOptions], device: torch.device
) -> Iterator[ClipGain]:
    for name in _clips(options):
        clip = clip_of(name, count=options.frames, data=options.data, start=options.start)
        for degradation in options.degradations:
            lows = DEGRADATIONS[degradation](clip.frames, options.seed)
            for preset, plain in settings.items():
                variants = options.variants_of(plain)
                each = list(side_by_side(clip, lows, variants, device))
                for variant in variants:
                    frames = tuple(gains[variant] for gains in each)
                    found = ClipGain(
                        preset, variant, name, degradation, frames, summary_of(frames)
                    )
                    yield found
                    say(_line(found))


def _line(found: ClipGain) -> str:
    summary = found.summary
    return (
        f"{found.clip} {found.degradation} {found.settings}: {summary.frames} frames, "
        f"{summary.gain:+.3f} dB, {summary.false_share:.0f} % false accepts"
    )


def _clips(options: Options) -> tuple[str, ...]:
    if options.clips:
        return options.clips
    return _CLIPS if options.data is None else (*_CLIPS_OF_DATA, *_CLIPS)


def _report(
    found: list[ClipGain], settings: Mapping[str, SessionOptions], options: Options
) -> Report:
    runs: dict[str, list[ClipGain]] = {}
    for each in found:
        runs.setdefault(each.settings, []).append(each)
    totals = {
        name: summary_of([frame for row in rows for frame in row.frames])
        for name, rows in runs.items()
    }
    figures: dict[str, Any] = {
        "precision": {preset: each.precision for preset, each in settings.items()},
        "for_checking_only": FOR_CHECKING_ONLY,
        "total": {name: figures_of(total) for name, total in totals.items()},
        "each": [
            {
                **{name: getattr(each, name) for name in _NAMES},
                "summary": figures_of(each.summary),
                "frames": columns_of(each.frames),
            }
            for each in found
        ],
    }
    tables = [
        table
        for name, rows in runs.items()
        for table in tables_of(name, rows, totals[name], per_frame=options.per_frame)
    ]
    if len(runs) > 1:
        tables.append(table_of_runs(runs))
    goals = [
        replace(goal, what=f"{goal.what} ({name})") if len(runs) > 1 else goal
        for name, rows in runs.items()
        for goal in goals_of(rows, totals[name])
    ]
    precisions = ", ".join(f"{name}: {each.precision}" for name, each in settings.items())
    notes = (f"Precision: {precisions}.", *_misnamed(totals))
    return judged("Goals", goals, figures, tables, notes, digits=3)


def _misnamed(totals: Mapping[str, Summary]) -> Iterator[str]:
    for name, total in totals.items():
        if total.misnamed:
            yield (
                f"{name}: {total.misnamed} frames are said to be enlarged by frozen "
                "weights, and are not as these enlarge them."
            )
