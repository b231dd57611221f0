"""The cheap cases, at sizes that take a moment: so that benches do not rot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch

from bench.__main__ import main
from bench.alone import Alone, work
from bench.arguments import Preset
from bench.cases import (
    CASES,
    control,
    daemon,
    fairness,
    memory,
    module_of,
    openmp,
    paper,
    published,
)
from bench.flops import forward_flops, step_flops
from bench.lateness import Lateness, lateness_of
from bench.pictures import as_frame, data_set, pan, photographs, save, shrunk, window
from bench.report import Report, Table, show
from bench.serving import moments_in
from bench.timing import measure, rate
from srstream.engine import PRESETS
from srstream.engine.carried import Carried


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data sets of three small pictures; the second has odd sides."""
    for name in ("set5", "general100"):
        (tmp_path / name).mkdir()
        for number, side in enumerate((48, 51, 48), 1):
            pixels = window(photographs()[number], side, side, moved=0)
            save(pixels, tmp_path / name / f"im_{number}.png")
    return tmp_path


@pytest.fixture(autouse=True)
def _light_takes_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    light = PRESETS["light"]
    quick = replace(light, adapt=replace(light.adapt, steps=2))
    monkeypatch.setitem(PRESETS, "light", quick)


def test_a_case_writes_its_figures_with_machine_and_options_but_no_paths(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data / "results" / "control.json"
    assert main(["control", "--data", str(data), "--json", str(file)]) == 0
    written = json.loads(file.read_text())
    assert written["case"] == "control"
    assert written["options"] == {"scale": 2}
    assert {"commit", "date", "python", "torch", "numpy"} <= written["machine"].keys()
    assert {"processor", "cores", "threads", "device"} <= written["machine"].keys()
    assert written["figures"]["set5"]["pictures"] == 3
    assert str(data) not in file.read_text()
    assert "set5" in capsys.readouterr().out


@pytest.mark.parametrize("case", CASES)
def test_every_case_explains_itself(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([case, "--help"])
    shown = capsys.readouterr().out
    assert str(import_module(module_of(case)).__doc__).splitlines()[0] in shown
    assert "--json FILE" in shown


def test_a_missing_data_set_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["control", "--data", str(tmp_path)]) == 1
    assert "no data set" in capsys.readouterr().err


def test_the_presets_on_the_command_line_are_those_of_the_engine() -> None:
    assert set(Preset.__args__) == set(PRESETS)


def test_the_engine_and_pillow_agree_on_bicubic(data: Path) -> None:
    found = control.run(control.Options(data=data)).figures["set5"]
    assert found["psnr_y_engine"] == pytest.approx(found["psnr_y_pillow"], abs=0.02)


def test_odd_sides_are_cropped_and_that_is_remembered(data: Path) -> None:
    first, second, _ = data_set(data / "set5", scale=2)
    assert not first.was_cropped
    assert second.was_cropped
    assert second.pixels.shape == (50, 50, 3)


def test_the_papers_first_picture_comes_out_the_same_carried_or_not(data: Path) -> None:
    small = paper.Options(data=data, pictures=2, width=4, crop=16, steps=2)
    report = paper.run(small)
    for gains in report.figures["online_minus_per_frame_psnr_y"].values():
        assert gains[0] == 0.0
        assert len(gains) == 2
    assert len(report.figures["mean"]) == 10


def test_only_even_pictures_are_scored_against_the_published_figures(data: Path) -> None:
    small = published.Options(data=data, preset="light", steps=1, device="cpu")
    figures = published.run(small).figures
    assert figures["scored"] == [1, 3]
    assert len(figures["osr"]["each_plain"]) == 2
    plain, processed = (figures["osr"][kind]["psnr_rgb"] for kind in ("plain", "processed"))
    assert processed > plain  # twenty back-projections are worth more than a step


def test_the_published_case_needs_neither_rich_nor_what_only_the_daemon_needs() -> None:
    absent = ("rich", "typer", "pydantic", "structlog", "av", "watchdog", "aiofiles")
    program = f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
    program += "import bench.cases.published, bench.report, bench.__main__"
    subprocess.run([sys.executable, "-c", program], check=True, env=dict(os.environ))


def test_memory_is_watched_over_frames_of_all_sizes() -> None:
    small = memory.Options(frames=16, sizes=8, largest=24, every=4, steps=1)
    figures = memory.run(small).figures
    assert [frames for frames, _ in figures["each"]] == [0, 4, 8, 12, 16]
    assert figures["most_mb"] >= figures["end_mb"] > 0


def test_the_slope_is_that_of_the_line() -> None:
    assert memory.slope_per_1000([(200, 400.0), (600, 402.0), (1000, 404.0)]) == (
        pytest.approx(5.0)
    )


def test_operations_are_two_per_multiply_add() -> None:
    net = Carried(PRESETS["light"], torch.device("cpu")).net
    low = torch.zeros(1, 3, 8, 8)
    layers = [3 * 24, 24 * 24, 24 * 24, 24 * 24, 24 * 24, 24 * 3]
    per_pixel = 2 * 9 * sum(layers)
    assert forward_flops(net, low) == 16 * 16 * per_pixel
    assert step_flops(net, low) == 16 * 16 * (3 * per_pixel - 2 * 9 * 3 * 24)


def test_the_event_loops_delay_is_seen_while_frames_are_adapted(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number, pixels in enumerate(pan(2, side=24)):
        save(pixels, inbox / f"{number}.png")
    delay = daemon.event_loop_delay(inbox, tmp_path / "outbox", preset="light")
    assert delay.timers > 0
    assert len(moments_in(tmp_path / "outbox" / "stats.jsonl")) == 2


def test_the_bare_engine_counts_from_the_end_of_the_first_frame() -> None:
    frames = [as_frame(pixels, seq=1, name="") for pixels in pan(3, side=16)]
    found = work(frames, PRESETS["light"], beside=True)
    assert found.fps > 0
    assert found.cpu_share > 0
    assert found.beside is not None


def test_a_rate_is_of_the_time_between_the_first_and_the_last() -> None:
    assert rate([10.0, 10.5, 11.0, 12.0]) == 1.5
    with pytest.raises(ValueError, match="too few"):
        rate([1.0])


def test_the_last_line_of_statistics_may_be_half_written(tmp_path: Path) -> None:
    stats = tmp_path / "stats.jsonl"
    assert moments_in(stats) == []
    stats.write_text(
        '{"time":"2026-01-01T00:00:00.000+00:00"}\n'
        '{"time":"2026-01-01T00:00:00.250+00:00"}\n{"time":"20'
    )
    first, second = moments_in(stats)
    assert second - first == pytest.approx(0.25)


def test_both_streams_of_the_fair_daemon_are_configured(tmp_path: Path) -> None:
    from srstream.settings import load  # noqa: PLC0415 - the daemon's part

    file = tmp_path / "bench.toml"
    file.write_text(fairness.configuration(("light", "paper")))
    settings = load(file, environ={})
    assert settings.daemon.grace == fairness.GRACE
    assert [stream.session.preset for stream in settings.streams.values()] == [
        "light",
        "paper",
    ]


def test_openmps_policies_are_compared_by_medians() -> None:
    late = Lateness(0.1, 2.0, 3.0, 100)
    runs = [Alone(fps, 1.5, late) for fps in (1.0, 2.0, 20.0)]
    found = {(policy, busy): runs for policy in openmp.POLICIES for busy in (0, 1)}
    alone, beside = openmp.report_of(found).tables
    assert alone.rows[0] == ("default", 500.0, 1.5, 2.0)
    assert len(beside.rows) == len(openmp.POLICIES)


def test_a_timing_is_the_median_of_calls_after_one_that_warms_up() -> None:
    ticks = iter((0.0, 1.0, 1.0, 5.0, 5.0, 7.0))
    calls = []
    timing = measure(
        lambda: calls.append(1),
        device=torch.device("cpu"),
        seconds=0.0,
        clock=lambda: next(ticks),
    )
    assert (timing.median, timing.calls, len(calls)) == (2.0, 3, 4)


def test_lateness_is_told_in_milliseconds() -> None:
    late = lateness_of([0.001] * 99 + [0.101])
    assert late.p50_ms == pytest.approx(1.0)
    assert late.max_ms == pytest.approx(101.0)


def test_a_table_is_printed_plainly_where_rich_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.find_spec", lambda name: None)
    show(Report({}, (Table("Title", ("row", "dB"), (("a", 1.234), ("long", None))),)))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Title",
        "row     dB",
        "a     1.23",
        "long      ",
    ]


def test_shrinking_halves_the_sides() -> None:
    assert shrunk(window(photographs()[0], 40, 60, moved=0), 2).shape == (20, 30, 3)
