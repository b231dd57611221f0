"""The cases about presets, with a network that learnt nothing, at sizes of a moment."""

from __future__ import annotations

from collections.abc import Generator as Work
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.cases import frames, quality
from bench.flops import forward_flops
from bench.goals import Goal, judged
from bench.pictures import photographs, save, shrunk, shrunk_aliased, truths, window
from bench.report import Report
from bench.sessions import settings_of, weights_of, with_precision
from bench.timing import by_turns, in_ms, timing_of
from bench.whole import configuration
from srstream.engine import PRESETS, PrecisionTest
from srstream.engine.nets import NETS, NetContext
from srstream.engine.nets.lr_residual import ABREAST, LrResidualOptions
from srstream.errors import ConfigError
from srstream.settings import load
from trained import save_weights

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _realtime_has_learnt_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "tiny.safetensors"
    save_weights(file)
    settings = PRESETS["realtime"]
    frozen = replace(settings.adapt, mode="frozen", steps=2)
    mine = replace(settings, weights=str(file), adapt=frozen)
    monkeypatch.setitem(PRESETS, "realtime", mine)
    # Which of two is faster is chance at this size.
    monkeypatch.setattr("bench.sessions.compare_precisions", _chooses_bfloat16)


def _chooses_bfloat16(*_: object, **__: object) -> Work[None, None, PrecisionTest]:
    yield
    return PrecisionTest("bfloat16", 2.0, 1.0, 0.1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data sets of two small pictures; the second has odd sides."""
    for name in ("set5", "set14", "general100"):
        (tmp_path / name).mkdir()
        for number, side in enumerate((48, 51), 1):
            pixels = window(photographs()[number], side, side, moved=0)
            save(pixels, tmp_path / name / f"im_{number}.png")
    return tmp_path


@pytest.fixture
def peaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(frames, "peak", lambda device, precision, seconds: 1e9)
    return


def measured(**options: object) -> Report:
    small = {"presets": ("realtime",), "sizes": ("40x24",), "seconds": 0.0, "frames": 2}
    return frames.run(frames.Options(**{**small, "daemon": 0, **options}))


@pytest.mark.usefixtures("peaks")
def test_every_part_of_a_frame_is_timed_in_both_precisions() -> None:
    report = measured()
    exact, short = report.figures["each"]
    assert (exact["precision"], short["precision"]) == ("float32", "bfloat16")
    for part in ("forward", "forward_luma", "enlarge", "pairs", "loss", "step"):
        assert exact["parts"][part]["median"] > 0
    assert exact["streamed"]["frame"]["calls"] >= 3
    assert [table.title.split()[0] for table in report.tables] == [
        "Milliseconds:",
        "Operations;",
        "Quality",
    ]


@pytest.mark.usefixtures("peaks")
def test_a_network_that_learnt_nothing_is_as_good_as_bicubic_on_the_same_frames() -> None:
    figures = measured().figures
    bicubic, consistent = figures["without_a_network"]
    assert (bicubic["way"], consistent["way"]) == ("bicubic", "consistent bicubic")
    (exact, _) = figures["each"]
    assert exact["streamed"]["psnr_y"] == pytest.approx(bicubic["psnr_y"], abs=0.01)
    assert consistent["psnr_y"] > bicubic["psnr_y"] + 0.3


@pytest.mark.usefixtures("peaks")
def test_the_goals_are_about_one_preset_at_one_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "goals" not in measured().figures
    monkeypatch.setattr(frames, "GOAL_SIZE", "40x24")
    wanted = [goal["at_most"] for goal in measured().figures["goals"]]
    assert wanted == [18.6, 7.0, 1.0]


@pytest.mark.usefixtures("peaks")
def test_the_goals_are_held_against_the_precision_that_users_get(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frames, "GOAL_SIZE", "40x24")
    figures = measured().figures
    assert figures["chosen"] == {"realtime": "bfloat16"}
    _, short = figures["each"]
    forward = figures["goals"][0]
    assert forward["what"] == "ms forward, plane of luma"
    assert forward["found"] == 1e3 * short["parts"]["forward_luma"]["median"]
    assert "goals" not in measured(precisions=("float32",)).figures


def test_the_operations_of_a_forward_pass_are_those_of_its_kernels() -> None:
    options = LrResidualOptions(width=8, depth=4)
    net = NETS["lr-residual"].make(options, NetContext(3, 2, torch.Generator()))
    height, width = 12, 4 * ABREAST
    kernels = 9 * (1 * 8 + 2 * 8 * 8 + 8 * 4)
    for channels in (1, 3):
        low = torch.zeros(1, channels, height, width)
        with torch.no_grad():
            assert forward_flops(net, low) == 2 * kernels * height * width


@pytest.mark.parametrize("size", ["480", "480x", "x270", "axb"])
def test_a_size_is_width_and_height(size: str) -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        frames.Options(sizes=(size,))


def test_the_daemon_is_told_preset_scale_and_precision(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    settings = settings_of("light", scale=3, precision="bfloat16")
    file.write_text(configuration(settings, device="cpu"))
    session = load(file, environ={}).streams["bench"].session
    assert (session.preset, session.scale, session.precision) == ("light", 3, "bfloat16")


def test_a_truth_is_mirrored_where_it_is_too_small_and_cut_where_it_is_too_large() -> None:
    pictures = list(truths(600, 560, count=5))
    assert [picture.shape for picture in pictures] == [(600, 560, 3)] * 5
    first = photographs()[0]
    assert np.array_equal(pictures[0][:512, :512], first)
    assert np.array_equal(pictures[0][512:], pictures[0][512 - 88 : 512][::-1])
    assert np.array_equal(pictures[4], pictures[0])
    (cut,) = truths(100, 60, count=1)
    assert np.array_equal(cut, first[206:306, 226:286])


def test_a_truth_comes_from_a_folder_if_one_is_named(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    save(grey, tmp_path / "a.png")
    (truth,) = truths(8, 8, count=1, folder=tmp_path)
    assert np.array_equal(truth, grey.repeat(3, axis=2))
    with pytest.raises(FileNotFoundError, match="no data set"):
        list(truths(8, 8, count=1, folder=tmp_path / "none"))


def test_aliased_shrinking_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: see bench/README.md")
    picture = window(photographs()[0], 120, 96, moved=0)
    for scale in (2, 3, 4):
        sides = (96 // scale, 120 // scale)
        theirs = cv2.resize(picture, sides, interpolation=cv2.INTER_CUBIC)
        assert np.abs(shrunk_aliased(picture, scale).astype(int) - theirs).max() <= 1


def test_stills_are_scored_in_every_mode_and_only_even_ones_of_the_published_set(
    data: Path,
) -> None:
    options = quality.Options(data=data, presets=("realtime",), scales=(2,), steps=2)
    rows = quality.run(options).figures["each"]
    found = {(row["set"], row["preset"], row["mode"]): row for row in rows}
    for name, pictures in (("set5", 2), ("set14", 2), ("general100", 1)):
        assert len(found[name, "bicubic", ""]["each"]) == pictures
        for mode in ("frozen", "adapted", "ensemble", "all"):
            row = found[name, "realtime", mode]
            assert len(row["each"]) == pictures
            assert row["most_seconds"] >= row["seconds"] > 0
            assert row["precision"] == "bfloat16"
    frozen, bicubic, ensemble = (
        found["set5", preset, mode]["psnr_y"]
        for preset, mode in (
            ("realtime", "frozen"),
            ("bicubic", ""),
            ("realtime", "ensemble"),
        )
    )
    assert frozen == pytest.approx(bicubic, abs=0.01)
    assert ensemble > frozen + 0.3  # a back-projection is worth more than nothing learnt


def test_stills_start_from_the_trained_weights_each() -> None:
    adapt = quality.in_mode("all", PRESETS["realtime"], steps=7).adapt
    assert (adapt.mode, adapt.steps) == ("per-frame", 7)
    assert adapt.rate == PRESETS["realtime"].adapt.rate


def row_of(mode: str, psnr_rgb: float, seconds: float) -> quality.Row:
    return quality.Row(
        *("realtime", mode, "bfloat16", "general100", 2),
        *(40.0, psnr_rgb, 0.9, seconds / 2, seconds, []),
    )


def test_the_best_mode_is_the_best_of_those_that_are_in_time() -> None:
    rows = [row_of("frozen", 38.0, 0.1), row_of("adapted", 38.5, 0.9)]
    best, mean, slowest = quality.goals_of([*rows, row_of("all", 39.0, 1.1)])
    assert (best.found, best.is_met) == (38.5, False)
    assert (mean.found, slowest.found, slowest.is_met) == (0.45, 0.9, True)
    best, mean, slowest = quality.goals_of([row_of("all", 39.0, 1.1)])
    assert (best.found, slowest.found, slowest.is_met) == (39.0, 1.1, False)


def test_a_model_that_is_not_shipped_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(PRESETS["realtime"], weights="nothing")
    monkeypatch.setitem(PRESETS, "realtime", absent)
    with pytest.raises(ConfigError, match="nothing"):
        weights_of(settings_of("realtime", scale=2, precision="float32"))


def test_a_precision_that_is_told_is_not_measured() -> None:
    told = settings_of("realtime", scale=2, precision="bfloat16")
    assert with_precision(told, CPU) is told


def test_a_precision_left_open_is_that_of_the_self_test_and_float32_without_weights() -> (
    None
):
    chosen = {
        preset: with_precision(
            settings_of(preset, scale=2, precision="auto"), CPU
        ).precision
        for preset in ("realtime", "light")
    }
    assert chosen == {"realtime": "bfloat16", "light": "float32"}


def test_a_goal_may_be_a_least_value() -> None:
    goals = [Goal("dB", 37.4, at_least=37.55), Goal("ms", 18.0, at_most=18.6)]
    report = judged("goals", goals, {})
    assert report.notes == ("MISSED: dB.",)
    assert [row[2] for row in report.tables[0].rows] == ["at least 37.55", "at most 18.6"]
    assert report.figures["goals"][0]["at_least"] == 37.55


def test_what_is_timed_by_turns_begins_with_another_one_every_round() -> None:
    called: list[str] = []
    ticks = iter(range(100))
    works = {name: (lambda name=name: called.append(name)) for name in "abc"}
    spent = by_turns(works, device=CPU, rounds=2, clock=lambda: float(next(ticks)))
    assert "".join(called) == "abc" + "abc" + "bca"
    assert spent == {"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [1.0, 1.0]}


def test_a_timing_tells_what_few_calls_exceed() -> None:
    timing = timing_of([0.001 * number for number in range(1, 101)])
    assert timing.median == pytest.approx(0.0505)
    assert timing.p95 == pytest.approx(0.09505)
    assert in_ms(timing) == "50.5 (95.0)"


def test_shrinking_without_antialiasing_keeps_more_of_a_fine_pattern() -> None:
    columns = np.indices((32, 32))[1] // 2 % 2  # two pixels dark, two bright
    picture = (255 * columns).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    assert shrunk_aliased(picture, 3).std() > 1.5 * shrunk(picture, 3).std()
