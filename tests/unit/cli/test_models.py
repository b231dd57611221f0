from __future__ import annotations

import hashlib
import json
import math
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner, Result

from srstream.cli import app
from srstream.cli.models_report import details, listed, overview, told
from srstream.models.catalogue import SHIPPED, Catalogue, Model
from trained import ABOUT, save_weights, tiny_weights

FIGURES = {"set5": 37.5, "set14": 33.25, "validation": 34.0, "per picture": [1.0]}


def models(*arguments: str | Path) -> Result:
    words = ["models", *map(str, arguments)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "150"})


def printed(what: RenderableType) -> str:
    out = StringIO()
    Console(file=out, width=150).print(what)
    return out.getvalue()


@pytest.fixture
def two(tmp_path: Path) -> list[Model]:
    save_weights(tmp_path / "fast-x2.safetensors", tiny_weights(2, figures=FIGURES))
    save_weights(tmp_path / "good-x3.safetensors", tiny_weights(3, figures={"set5": 33.0}))
    return list(Catalogue(tmp_path))


def test_models_are_listed_with_their_figures(two: list[Model]) -> None:
    text = printed(overview(two))
    rows = [line.split() for line in text.splitlines() if " x" in line]
    size = f"{two[0].size / 1000:.0f}"
    assert rows[0] == ["fast", "x2", "336", size, "kB", "37.50", "33.25", "34.00"]
    assert rows[1][:2] == ["good", "x3"]
    assert rows[1][-3:] == ["33.00", "-", "-"]
    assert "per picture" not in text


def test_models_are_listed_for_scripts(two: list[Model]) -> None:
    assert listed(two[0]) == {
        "name": "fast",
        "scale": 2,
        "net": "lr-residual",
        "parameters": 336,
        "bytes": two[0].size,
        "figures": FIGURES,
    }


def test_without_models_that_is_said() -> None:
    assert printed(overview([])) == "no models are shipped\n"


def test_what_is_shipped_is_listed_by_the_command() -> None:
    ran = models("--json")
    assert ran.exit_code == 0
    expected = [(name, s) for name, scales in SHIPPED.scales().items() for s in scales]
    assert [(each["name"], each["scale"]) for each in json.loads(ran.stdout)] == expected
    ran = models()
    assert ran.exit_code == 0
    assert all(name in ran.stdout for name in SHIPPED.scales())


@pytest.mark.parametrize("name", SHIPPED.scales())
def test_a_shipped_model_is_shown(name: str) -> None:
    shown = json.loads(models("show", name, "--json").stdout)
    assert [each["scale"] for each in shown] == list(SHIPPED.scales()[name])
    (only,) = json.loads(models("show", name, "--scale", "3", "--json").stdout)
    assert (only["name"], only["scale"]) == (name, 3)
    assert only["sha256"] in models("show", name).stdout


def test_a_file_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    blob = save_weights(path)
    digest = hashlib.sha256(blob).hexdigest()
    (shown,) = json.loads(models("show", path, "--json").stdout)
    assert shown["sha256"] == digest
    assert shown["about"] == ABOUT
    assert shown["net_options"] == {
        "width": 4,
        "depth": 3,
        "colours": "luma",
        "base": "bicubic",
    }
    ran = models("show", path, "--scale", 2)
    assert ran.exit_code == 0
    words = [line.split() for line in ran.stdout.splitlines()]
    for row in (
        ["sha256", digest],
        ["recipe.steps", "7"],
        ["recipe.rates", "0.5,", "0.25"],
        ["seed", "5"],
        ["figures.set5", "36.125"],
    ):
        assert row in words


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for wrong in (("no-such",), ("no-such", "--scale", 3), (tmp_path / "a",)):
        ran = models("show", *wrong)
        assert ran.exit_code == 2
        assert ran.stderr.startswith("srstream: models show: ")
        assert "name a model that is shipped" in ran.stderr


def test_a_file_of_another_scale_is_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "mine.safetensors")
    ran = models("show", tmp_path / "mine.safetensors", "--scale", 3)
    assert ran.exit_code == 2
    assert "is for x2; wanted: x3" in ran.stderr


def test_what_a_file_tells_neither_commands_the_terminal_nor_breaks_json(
    tmp_path: Path,
) -> None:
    about = {"seed": "\x1b[1m[red]", "figures": {"set5": math.nan}}
    save_weights(tmp_path / "odd-x2.safetensors", tiny_weights(2, **about))
    (model,) = Catalogue(tmp_path)
    assert "\\x1b[1m[red]" in printed(details(model))
    assert json.loads(json.dumps(told(model), allow_nan=False))["figures"] == {"set5": None}
