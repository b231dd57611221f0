"""What holds for every model that comes with the program, however many there are."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import pytest

from srstream.engine.presets import PRESETS
from srstream.models.catalogue import SHIPPED
from srstream.training import load_recipe

LARGEST = 10**6  # bytes
CASES = [(name, scale) for name, scales in SHIPPED.scales().items() for scale in scales]
NAMED = sorted({p.weights for p in PRESETS.values() if p.weights and CASES})


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_a_shipped_model_can_be_read_and_tells_of_itself(name: str, scale: int) -> None:
    model = SHIPPED.read(name, scale)
    assert model.size < LARGEST
    assert model.weights.about.keys() >= {"recipe", "data", "seed", "figures"}
    figures = [each for each in model.figures.values() if isinstance(each, float)]
    assert figures
    assert all(math.isfinite(each) and 20.0 < each < 50.0 for each in figures)


@pytest.mark.parametrize("name", SHIPPED.scales())
def test_a_shipped_model_is_there_for_every_scale(name: str) -> None:
    assert SHIPPED.scales()[name] == (2, 3, 4)


@pytest.mark.parametrize("name", NAMED)
def test_what_a_preset_names_is_shipped(name: str) -> None:
    assert name in SHIPPED.scales()


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_the_model_card_has_the_figures_that_stand_in_the_file(
    name: str, scale: int
) -> None:
    card = (files("srstream.models") / "MODEL_CARD.md").read_text(encoding="utf-8")
    figures = SHIPPED.read(name, scale).figures
    told = " | ".join(f"{figures[each]:.2f}" for each in ("set5", "set14", "validation"))
    assert f"| `{name}` | x{scale} | {told} |" in card


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_a_shipped_model_was_trained_by_the_recipe_of_its_name(
    name: str, scale: int
) -> None:
    weights = SHIPPED.read(name, scale).weights
    recipe, options = load_recipe(name, scale=scale)
    assert weights.options == options
    told, here = weights.about["recipe"], json.loads(json.dumps(asdict(recipe)))
    shared = told.keys() & here.keys()
    assert {"steps", "batch", "side", "rate", "muon_rate", "shrunken"} <= shared
    assert {key: told[key] for key in shared} == {key: here[key] for key in shared}
    assert told["name"].removesuffix(f"-x{scale}") == name


def test_every_file_of_weights_is_in_the_catalogue() -> None:
    folder = Path(str(files("srstream.models")))
    found = {path.name for path in folder.glob("*.safetensors")}
    assert found == {f"{name}-x{scale}.safetensors" for name, scale in CASES}
