"""The engine as a library: what importing it loads, and what its presets say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from srstream.engine import NETS, PRESETS, choose_device
from srstream.engine.losses import DogOptions


def test_importing_the_engine_loads_torch_and_numpy_and_no_other_package_of_ours() -> None:
    code = (
        "import sys, srstream.engine;"
        "print(*[m for m in ('av','PIL','pydantic','structlog','watchdog','aiofiles',"
        "'skimage','typer','rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_the_paper_preset_is_the_text_of_the_paper() -> None:
    """Sections 2.2 to 2.4 and 3.3."""
    paper = PRESETS["paper"]
    assert NETS.name_of(paper.net) == "zssr-star"
    assert (paper.net.width, paper.net.depth) == (128, 8)
    assert paper.loss == DogOptions(levels=6, sigma=3.0, weight=10.0, low_weight=10.0)
    adapt = paper.adapt
    assert (adapt.steps, adapt.pairs, adapt.batch, adapt.crop) == (750, 3000, 8, 128)
    assert adapt.steps * adapt.batch == 2 * adapt.pairs
    assert (adapt.rate, adapt.milestones) == (1e-3, (250, 500))
    assert adapt.judge == "observe"


def test_every_preset_carries_its_own_name() -> None:
    assert all(options.preset == name for name, options in PRESETS.items())


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:99", "cpu:0"])
def test_a_device_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        choose_device(name)


def test_the_preset_of_the_code_departs_from_the_text_where_the_code_does() -> None:
    text, code = PRESETS["paper"], PRESETS["paper-code"]
    assert code.loss == DogOptions(
        levels=5, sigma=1.0, weight=10.0, low_weight=1.0, norm="l1", first_band=0
    )
    upscale = code.upscale
    assert (upscale.ensemble, upscale.merge) == (True, "median")
    assert (upscale.member_back_projection, upscale.back_projection) == (10, 10)
    assert (code.net, code.adapt) == (text.net, text.adapt)
    assert not code.adapt.carry_moments
