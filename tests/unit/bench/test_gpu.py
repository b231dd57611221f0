"""The case for a GPU, at a size of a moment, on a CPU and without the libraries."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.bare_weights import read_shipped
from bench.beside import Beside
from bench.drawn import decibels, drawn, made_small
from bench.gpu_report import Found, report
from bench.pictures import shrunk
from bench.recorded import Both
from bench.timing import Timing
from srstream.engine import PRESETS
from srstream.engine.carried import Carried
from srstream.engine.options import SessionOptions
from srstream.evaluation.metrics import psnr_y
from srstream.models.catalogue import SHIPPED

ROOT = Path(__file__).parents[3]
CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
_WITHOUT = """
import sys
for name in ("aiofiles", "av", "cv2", "imageio", "orjson", "PIL", "pydantic", "rich",
             "safetensors", "scipy", "skimage", "structlog", "typer", "watchdog", "zmq"):
    sys.modules[name] = None
from bench.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_it_runs_with_torch_and_numpy_alone_and_says_that_a_cpu_has_no_graphs(
    tmp_path: Path,
) -> None:
    file = tmp_path / "gpu.json"
    small = ["--width", "32", "--height", "24", "--frames", "2", "--seconds", "0.01"]
    few = ["--presets", "realtime", "--precisions", "float32", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, "gpu", *small, *few, "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Graphs are not used on cpu" in done.stdout
    content = json.loads(file.read_text())
    (found,) = content["figures"]["found"]
    assert found["both"]["forward_graph"] is None
    assert found["session_fps"] > 0
    assert found["beside_fps"] > 0
    assert found["psnr_frozen"] > found["psnr_bicubic"] + 1
    assert content["figures"]["goals"] == []


@pytest.mark.parametrize("name", ["realtime", "balanced"])
@pytest.mark.parametrize("scale", [2, 3])
def test_weights_read_by_hand_are_those_of_the_library(name: str, scale: int) -> None:
    mine, theirs = read_shipped(name, scale), SHIPPED.read(name, scale).weights
    assert (mine.net, mine.options, mine.scale) == (
        theirs.net,
        theirs.options,
        theirs.scale,
    )
    assert mine.arrays.keys() == theirs.arrays.keys()
    for key, array in theirs.arrays.items():
        assert np.array_equal(mine.arrays[key], array)


def test_drawn_pictures_are_made_small_and_measured_as_all_others_are() -> None:
    truth = drawn(96, 132, 3)
    assert np.array_equal(made_small(truth, 2), shrunk(truth, 2))
    other = drawn(96, 132, 4)
    assert decibels(truth, other, border=2) == pytest.approx(
        psnr_y(truth, other, border=2), abs=1e-6
    )


def test_drawn_pictures_have_detail_and_move_without_a_cut() -> None:
    frames = [drawn(96, 132, number).astype(float) for number in range(3)]
    for one, other in itertools.pairwise(frames):
        moved = np.abs(one - other).mean()
        assert 1 < moved < 40
    assert np.abs(np.diff(frames[0], axis=1)).max() > 60


def test_beside_gives_every_frame_in_its_order_and_learns() -> None:
    settings = _settings()
    carried = Carried(settings, CPU, weights=read_shipped("realtime", 2))
    lows = [made_small(drawn(64, 96, number), 2) for number in range(5)]
    found = list(Beside(carried, settings, CPU).enlarged(lows))
    assert len(found) == len(lows)
    for number, each in enumerate(found):
        scores = [
            decibels(drawn(64, 96, other), each, border=2) for other in range(len(lows))
        ]
        assert int(np.argmax(scores)) == number
    assert not torch.equal(carried.published_weights.values, carried.initial_values)


def test_what_differs_or_is_too_slow_misses_its_goal() -> None:
    good, bad = _found(apart=1e-7, fps=1200.0), _found(apart=float("nan"), fps=900.0)
    figures = report([good], size=(960, 540), device=CUDA).figures
    assert [goal["met"] for goal in figures["goals"]] == [True] * 4
    figures = report([bad], size=(960, 540), device=CUDA).figures
    assert [goal["met"] for goal in figures["goals"]] == [False] * 4
    json.dumps(figures, allow_nan=False)
    at_other_size = report([bad], size=(480, 270), device=CUDA)
    assert len(at_other_size.figures["goals"]) == 2
    assert len(at_other_size.tables) == 1


def _settings() -> SessionOptions:

    preset = PRESETS["realtime"]
    return replace(
        preset, precision="float32", adapt=replace(preset.adapt, steps=1, crop=32)
    )


def _found(*, apart: float, fps: float) -> Found:
    timing = Timing(0.001, 0.001, 0.001, 0.001, 3)
    both = Both(timing, timing, timing, timing, 1.0, 1.0, apart, apart, ())
    return Found("realtime", "bfloat16", 1, both, fps, fps, 30.0, 31.0, 32.0, 0.5, 100.0)
