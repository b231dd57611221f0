"""Claimed and true gains: the accounting by hand, and the case on frames of a moment."""

from __future__ import annotations

import argparse
import json
from collections.abc import Generator as Work
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch

from bench.__main__ import main
from bench.arguments import EACH, add_arguments, options_from
from bench.cases import gate
from bench.flicker import error_of, flicker
from bench.gains import ClipGain, FrameGain, summary_of
from bench.gate_goals import goals_of
from bench.report import Report
from bench.variants import adapted
from srstream.engine import PRESETS, AdaptOptions, PrecisionTest
from srstream.frames import AdaptStats, Outcome, Used
from trained import save_weights


@pytest.fixture(autouse=True)
def _realtime_is_small_and_has_learnt_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "tiny.safetensors"
    save_weights(file)
    settings = PRESETS["realtime"]
    quick = replace(settings.adapt, steps=2, crop=16, batch=2)
    mine = replace(settings, weights=str(file), adapt=quick)
    monkeypatch.setitem(PRESETS, "realtime", mine)
    monkeypatch.setattr("bench.sessions.compare_precisions", _chooses_bfloat16)
    monkeypatch.setattr("bench.synthetic_clips.HEIGHT", 48)
    monkeypatch.setattr("bench.synthetic_clips.WIDTH", 64)


@pytest.fixture
def _threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def _chooses_bfloat16(*_: object, **__: object) -> Work[None, None, PrecisionTest]:
    yield
    return PrecisionTest("bfloat16", 2.0, 1.0, 0.1)


def measured(**options: Any) -> Report:
    small = {"clips": ("pan",), "degradations": ("matched",), "frames": 4}
    return gate.run(gate.Options(**{**small, **options}))


def stats(outcome: Outcome = Outcome.ADAPTED, **values: Any) -> AdaptStats:
    return AdaptStats(outcome, 2, "lr-residual", "realtime", "cpu", **values)


def frame(gain: float, used: str = "adapted", **values: Any) -> FrameGain:
    made: dict[str, Any] = {
        "number": 0,
        "since_cut": None,
        "psnr_frozen": 30.0,
        "psnr": 30.0 + gain,
        "estimated_gain": None,
        "used": Used(used),
        "is_as_frozen": used == "frozen",
        "stats": stats(steps=2),
        "flicker_frozen": None,
        "flicker": None,
    }
    return FrameGain(**{**made, **values})


def clip(name: str, frames: list[FrameGain], degradation: str = "matched") -> ClipGain:
    summary = summary_of(frames)
    return ClipGain("realtime", "", name, degradation, tuple(frames), summary)


def test_flicker_is_what_changes_in_the_output_and_not_in_the_truth() -> None:
    truth = np.zeros((2, 1, 2, 3), np.uint8)
    result = np.zeros((2, 1, 2, 3), np.uint8)
    truth[1] = 100  # a change that the output follows is none
    result[1] = 100
    result[0, 0, 0, 1] = 10  # green: ten codes too bright, and in the next frame no more
    result[1, 0, 1, 0] = 90  # red: ten codes too dark
    errors = [error_of(*pair) for pair in zip(truth, result, strict=True)]
    by_hand = (10 * 128.553 / 255 + 10 * 65.481 / 255) / 2
    assert flicker(*errors) == pytest.approx(by_hand)


def test_the_error_of_a_picture_has_a_sign() -> None:
    black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    assert error_of(white, black).tolist() == [[[-255] * 3]]
    assert error_of(black, white).tolist() == [[[255] * 3]]


def test_a_false_accept_is_an_accepted_frame_that_lost_more_than_a_hundredth() -> None:
    frames = [
        frame(-0.009),
        frame(-0.03),
        frame(-0.05, "carried"),
        frame(-0.4, "frozen"),
        frame(+0.2, "bicubic"),
    ]
    found = summary_of(frames)
    assert (found.accepted, found.false_accepts) == (4, 2)
    assert found.false_share == pytest.approx(40.0)
    assert found.harm_when_wrong == pytest.approx(0.04)
    # What frozen frames lose is no false accept, and harm all the same.
    assert found.harm == pytest.approx((0.009 + 0.03 + 0.05 + 0.4) / 5)
    assert found.gain == pytest.approx(-0.289 / 5)
    assert found.worst_gain == pytest.approx(-0.4)
    assert found.used["adapted"] == pytest.approx(0.4)
    assert sum(found.used.values()) == pytest.approx(1.0)


def test_times_are_told_as_medians_and_steps_as_a_mean() -> None:
    times = [(1, 4.0), (1, 9.0), (4, 5.0)]
    frames = [frame(0.0, stats=stats(steps=n, adapt_ms=ms)) for n, ms in times]
    found = summary_of(frames)
    assert (found.steps, found.adapt_ms, found.upscale_ms) == (2.0, 5.0, 0.0)


def test_without_false_accepts_there_is_no_harm_when_wrong() -> None:
    assert summary_of([frame(0.1)]).harm_when_wrong == 0.0


def test_a_frame_that_is_said_to_be_frozen_and_is_not_is_counted() -> None:
    frames = [frame(0.0, "frozen"), frame(0.1, "frozen", is_as_frozen=False), frame(0.1)]
    assert summary_of(frames).misnamed == 1


def test_claims_correlate_with_the_truth_over_accepted_frames_only() -> None:
    claimed = [(0.1, 0.3), (0.2, 0.1), (0.3, 0.4), (0.4, 0.4)]
    frames = [frame(true, estimated_gain=claim) for claim, true in claimed]
    frames += [frame(-9.0, "frozen", estimated_gain=9.0), frame(-9.0)]
    found = summary_of(frames)
    assert found.correlation == pytest.approx(np.corrcoef(np.transpose(claimed))[0, 1])
    assert found.bias == pytest.approx(0.25 - 0.3)


@pytest.mark.parametrize("claims", [[0.1, 0.1, 0.1], [0.1, 0.2], [None] * 4])
def test_too_few_claims_and_equal_ones_have_no_correlation(claims: list[Any]) -> None:
    frames = [
        frame(0.01 * number, estimated_gain=claim) for number, claim in enumerate(claims)
    ]
    assert summary_of(frames).correlation is None


def test_flicker_is_told_as_a_ratio_of_means_without_the_first_frame() -> None:
    frames = [
        frame(0.0),
        frame(0.0, flicker=1.0, flicker_frozen=2.0),
        frame(0.0, flicker=4.0, flicker_frozen=2.0),
    ]
    assert summary_of(frames).flicker_ratio == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("mine", "frozen", "ratio"), [(0.0, 0.0, 1.0), (0.01, 0.0, 10.0), (0.0, 0.002, 0.5)]
)
def test_a_clip_that_stands_still_has_a_ratio_of_flicker_too(
    mine: float, frozen: float, ratio: float
) -> None:
    found = summary_of([frame(0.0, flicker=mine, flicker_frozen=frozen)])
    assert found.flicker_ratio == pytest.approx(ratio)


def test_the_gain_at_cuts_is_that_of_four_frames_from_each() -> None:
    frames = [frame(9.0), *(frame(0.1 * since, since_cut=since) for since in range(6))]
    assert summary_of(frames).gain_at_cuts == pytest.approx(0.15)
    assert summary_of(frames[:1]).gain_at_cuts is None


def test_settings_are_read_as_their_types() -> None:
    texts = ["rate=2e-4,steps=3", "seconds=none", "milestones=250:500", "judge=observe"]
    found = adapted(AdaptOptions(seconds=1.0), [*texts, "steps=5"])
    assert found == AdaptOptions(rate=2e-4, steps=5, milestones=(250, 500), judge="observe")
    assert adapted(found, ["milestones="]).milestones == ()
    assert adapted(found, [""]) == found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps", "KEY=VALUE with KEY one of mode, steps"),
        ("stepps=3", "stepps"),
        ("steps=three", "steps=three"),
        ("steps=none", "steps=none"),
        ("steps=-1", "allowed: 0 to"),
        ("judge=hope", "judge=hope"),
    ],
)
def test_a_setting_that_is_none_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        adapted(AdaptOptions(), [text])


def test_an_option_may_be_given_again_and_another_be_a_switch() -> None:
    @dataclass(frozen=True)
    class Options:
        each: Annotated[tuple[str, ...], "of these", EACH] = ()
        loud: Annotated[bool, "or not"] = False

    parser = argparse.ArgumentParser()
    add_arguments(parser, Options)
    given = parser.parse_args(["--each", "a=1,b=2", "--loud", "--each", "c=3"])
    assert options_from(given, Options) == Options(("a=1,b=2", "c=3"), loud=True)
    assert options_from(parser.parse_args([]), Options) == Options()


def test_goals_are_about_the_worst_clip_and_about_all_frames() -> None:
    good = clip("pan", [frame(0.5)] * 3)
    bad = clip("zoom", [frame(-0.03, flicker=1.1, flicker_frozen=1.0)], "crf18")
    total = summary_of([*good.frames, *bad.frames])
    least, false, harm, flickers = goals_of([good, bad], total)
    assert (least.found, least.is_met) == (pytest.approx(-0.03), False)
    assert "zoom crf18" in least.what
    assert (false.found, false.is_met) == (25.0, False)
    assert (harm.found, harm.is_met) == (pytest.approx(0.03), False)
    assert (flickers.found, flickers.is_met) == (pytest.approx(1.1), False)
    assert all(goal.is_met for goal in goals_of([good], good.summary))


def test_the_first_frames_of_a_walk_have_goals_of_their_own() -> None:
    frames = [
        frame(0.1, number=number, psnr_frozen=35.66, psnr=35.76, stats=stats(steps=3))
        for number in range(16)
    ]
    frames.append(frame(-9.0, number=16, stats=stats(steps=9)))
    walk = clip("walk", frames)
    *_, decibels, gain, steps = goals_of([walk], walk.summary)
    assert (decibels.found, decibels.is_met) == (pytest.approx(35.76), True)
    assert (gain.found, gain.is_met) == (pytest.approx(0.1), True)
    assert (steps.found, steps.is_met) == (3.0, True)
    later = clip("walk", frames[1:])
    for other in (clip("walk", frames[:15]), clip("walk", frames, "noise2"), later):
        assert len(list(goals_of([other], other.summary))) == 4


def test_a_stream_that_does_not_adapt_is_the_frozen_one() -> None:
    report = measured(set=("mode=frozen",), clips=("pan", "pan-fade", "pan-still"))
    for row in report.figures["each"]:
        assert row["frames"]["gain"] == [0.0] * 4
        assert row["frames"]["used"] == ["frozen"] * 4
        assert row["summary"]["flicker_ratio"] == 1.0
        assert row["frames"]["flicker"] == row["frames"]["flicker_frozen"]
    assert all(goal["met"] for goal in report.figures["goals"])


def test_harm_that_nothing_holds_back_is_found() -> None:
    report = measured(set=("rate=0.05", "judge=observe"), steps=3)
    total = report.figures["total"]["realtime"]
    assert total["gain"] < -0.1
    assert total["false_accepts"] == total["accepted"] == 4
    assert total["steps"] == 3
    assert report.notes[0].startswith("MISSED: dB above frozen, least of all clips: pan")


def test_variants_share_what_is_frozen_and_do_not_touch_each_other() -> None:
    variants = ("rate=0.05,judge=observe", "mode=frozen")
    both = measured(variant=variants, per_frame=True)
    wild, calm = both.figures["each"]
    assert [wild["variant"], calm["variant"]] == [*variants]
    assert wild["frames"]["psnr_frozen"] == calm["frames"]["psnr_frozen"]
    (alone,) = measured(variant=variants[:1]).figures["each"]
    assert alone["frames"]["gain"] == wild["frames"]["gain"]
    titles = [table.title for table in both.tables]
    assert sum("frame by frame" in title for title in titles) == 2
    assert "All clips; lines differ in the preset or in its settings" in titles
    assert "(realtime mode=frozen)" in both.figures["goals"][-1]["what"]


def test_what_is_frozen_is_as_good_as_the_metric_says_and_claims_come_along() -> None:
    figures = measured(clips=("static-cuts",), degradations=("noise5", "blur1.6")).figures
    assert figures["precision"] == {"realtime": "bfloat16"}
    noise, blur = figures["each"]
    assert (noise["degradation"], blur["degradation"]) == ("noise5", "blur1.6")
    for row in (noise, blur):
        frames = row["frames"]
        assert frames["since_cut"] == [None, 0, 0, 1]
        assert all(claim is not None for claim in frames["estimated_gain"])
        assert frames["flicker"][0] is None
        assert row["summary"]["psnr_frozen"] == pytest.approx(
            np.mean(frames["psnr_frozen"])
        )
        assert frames["gain"] == pytest.approx(
            np.subtract(frames["psnr"], frames["psnr_frozen"]).tolist()
        )


@pytest.mark.usefixtures("_threads_as_before")
def test_the_command_writes_what_it_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gate.json"
    small = ["--clips", "pan", "--degradations", "matched", "--frames", "2", "--per-frame"]
    more = ["--set", "steps=1", "--set", "rate=1e-3", "--threads", "1", "--json", str(file)]
    assert main(["gate", *small, *more]) == 0
    shown, progress = capsys.readouterr()
    assert "% of all frames falsely accepted" in shown
    assert "frame by frame" in shown
    assert progress.startswith("pan matched realtime: 2 frames")
    written = json.loads(file.read_text())
    assert written["options"]["set"] == ["steps=1", "rate=1e-3"]
    assert written["machine"]["threads"] == 1
    frames = written["figures"]["each"][0]["frames"]
    assert frames["steps"] == [2, 1]  # twice as many where a scene begins
    assert len(frames["heldout_psnr_before"]) == len(frames["outcome"]) == 2


def test_clips_whose_files_are_not_there_are_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", "--data", str(tmp_path), "--clips", "pan,carphone"]) == 1
    told = capsys.readouterr().err
    assert "carphone.mp4" in told
    assert "pan" not in told


@pytest.mark.parametrize(
    "wrong",
    [
        ["--clips", "nothing"],
        ["--clips", "walk-cuts"],
        ["--degradations", "rain"],
        ["--frames", "0"],
        ["--set", "steps=x"],
        ["--variant", "nothing=1"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_measured(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["gate", *wrong])
    assert wrong[1].partition("=")[0] in capsys.readouterr().err
