from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from srstream.engine.nets import LrResidualOptions, ZssrStarOptions
from srstream.errors import ConfigError
from srstream.settings.fielddocs import field_docs
from srstream.training.recipe import Recipe, load_recipe, shipped_recipes


def complaint(*arguments: str, **keys: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_recipe(*arguments, **keys)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("name", shipped_recipes())
def test_the_shipped_recipes_can_be_read(name: str) -> None:
    recipe, options = load_recipe(name)
    assert isinstance(recipe, Recipe)
    assert isinstance(options, LrResidualOptions)


def test_a_shipped_recipe_may_be_named_without_the_scale() -> None:
    assert load_recipe("realtime", scale=2) == load_recipe("realtime-x2", scale=4)
    assert "'realtime', for scale 7: " in complaint("realtime", scale=7)


def test_every_key_is_explained() -> None:
    docs = field_docs(Recipe)
    assert all(docs.get(field.name) for field in fields(Recipe))


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('steps = 7\nshrunken = [0.7]\n[net]\ntype = "zssr-star"\nwidth = 5\n')
    recipe, options = load_recipe(str(path))
    assert recipe == Recipe(steps=7, shrunken=(0.7,))
    assert options == ZssrStarOptions(width=5)


def test_the_command_line_overrides_the_file() -> None:
    recipe, options = load_recipe(
        "quick", overrides=["batch=3", "rate=0.5"], net_overrides=["width=9"]
    )
    assert (recipe.batch, recipe.rate, options.width) == (3, 0.5, 9)
    assert recipe.side == load_recipe("quick")[0].side


def test_another_network_has_its_own_defaults() -> None:
    _, options = load_recipe("quick", net="zssr-star", net_overrides=["depth=3"])
    assert options == ZssrStarOptions(depth=3)


def test_all_mistakes_are_told_with_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('steps = 0\nbatsch = 3\n[net]\ntype = "lr-residual"\n')
    told = complaint(
        str(path), overrides=["side=4"], flags={"seed": -1}, net_overrides=["width=0"]
    )
    assert f"recipe {path}: steps: found 0; allowed: 1 to" in told
    assert "batsch: unknown key; did you mean batch?" in told
    assert "side: found 4; allowed: 8 to 512 (from --set side=4)" in told
    assert "\nseed: found -1; allowed: 0 to 9223372036854775807 (from --seed -1)" in told
    assert "net.width: found 0; allowed: 1 to 512 (from --net-set width=0)" in told


def test_what_is_no_recipe_is_refused(tmp_path: Path) -> None:
    told = complaint("realtim")
    assert told.startswith(
        "--recipe: 'realtim', for scale 2: did you mean realtime? known: "
    )
    assert "known: balanced, quick, realtime; for one scale: balanced-x2, " in told
    assert "cannot be read: No such file" in complaint(str(tmp_path / "no.toml"))
    (tmp_path / "bad.toml").write_text("steps = = 3")
    assert "is not TOML" in complaint(str(tmp_path / "bad.toml"))
    told = complaint("quick", net="vdsr")
    assert told == '--net: found "vdsr" (string); known: lr-residual, zssr, zssr-star'


@pytest.mark.parametrize(
    "wrong", [{"measurements": 0}, {"precision": "half"}, {"ema": 1.0}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is "):
        Recipe(**wrong)  # type: ignore[arg-type]
