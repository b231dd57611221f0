from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srstream.engine.nets import Net, ZssrStarOptions
from srstream.errors import ConfigError, Diverged
from srstream.training import Moment, Recipe, Trained, train
from srstream.training.partial import Partial, differences
from srstream.training.trainer import share_of_rate
from trainings import RECIPE, silent, tiny_net, two_pictures


def weights(net: Net) -> dict[str, Any]:
    return {name: each.detach().numpy().copy() for name, each in net.named_parameters()}


def same(one: Net, two: Net) -> bool:
    ours, theirs = weights(one), weights(two)
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


def trained(net: Net | None = None, recipe: Recipe = RECIPE, **keys: Any) -> Trained:
    done = train(net or tiny_net(), two_pictures(), recipe, scale=2, warn=silent, **keys)
    assert done is not None
    return done


class Poisoned(torch.nn.Module):
    """A network that is well for so many calls in training."""

    colours = 1
    precision = torch.float32

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.inner: Any = tiny_net()
        self.calls = calls

    def forward(self, low: torch.Tensor, noise: torch.Generator | None = None) -> Any:
        if noise is not None:
            self.calls -= 1
        enlarged = self.inner(low, noise)
        return enlarged * float("nan") if self.calls < 0 else enlarged


class Overflowing(Poisoned):
    """A network that is well in training only."""

    def __init__(self) -> None:
        super().__init__(calls=1000)

    def forward(self, low: torch.Tensor, noise: torch.Generator | None = None) -> Any:
        enlarged = super().forward(low, noise)
        return enlarged * float("nan") if noise is None else enlarged


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("muon_rate", [0.0, 5e-3])
def test_it_learns(precision: Any, muon_rate: float) -> None:
    recipe = replace(
        RECIPE, steps=60, rate=5e-3, ema=0.9, precision=precision, muon_rate=muon_rate
    )
    done = trained(recipe=recipe)
    last = done.moments[-1]
    assert last.psnr is not None
    assert last.psnr_bicubic is not None
    assert last.psnr > last.psnr_bicubic + 0.5


def test_any_network_of_the_table_can_be_trained() -> None:
    options = ZssrStarOptions(width=4, depth=3, dropout=0.5)
    recipe = replace(RECIPE, steps=3, precision="bfloat16", shrunken=(0.8,))
    one, two = (trained(tiny_net(options), recipe) for _ in range(2))
    assert same(one.net, two.net)
    assert not same(one.net, tiny_net(options))


def test_the_weights_that_are_kept_are_an_average() -> None:
    net = tiny_net()
    history: list[dict[str, Any]] = []
    wanted = weights(net)
    done = trained(net, observe=lambda moment: history.append(weights(net)))
    for step, values in enumerate(history):
        kept = min(RECIPE.ema, (1 + step) / (10 + step))
        wanted = {k: kept * wanted[k] + (1 - kept) * values[k] for k in wanted}
    found = weights(done.net)
    assert all(np.allclose(found[name], wanted[name], atol=1e-6) for name in wanted)


def test_rates_rise_and_then_fall_to_nothing() -> None:
    recipe = replace(RECIPE, steps=100, warm_up=10)
    shares = [share_of_rate(step, recipe) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert int(np.argmax(shares)) in (8, 9, 10)
    assert shares[50] == pytest.approx(0.5)
    assert 0 < shares[99] < 0.001
    assert share_of_rate(0, replace(recipe, warm_up=0)) == 1.0


def test_it_is_measured_evenly_and_after_the_last_step() -> None:
    seen: list[Moment] = []
    clock = iter(range(1000))
    done = trained(observe=seen.append, clock=lambda: float(next(clock)))
    assert [moment.step for moment in seen] == list(range(1, 13))
    assert [moment.step for moment in seen if moment.measured] == [4, 8, 12]
    assert done.moments == tuple(moment for moment in seen if moment.measured)
    assert seen[-1].seconds_left == 0.0
    assert seen[5].psnr == seen[3].psnr is not None
    assert seen[0].psnr is None


def test_time_left_and_speed_are_those_of_this_process() -> None:
    seconds = iter([0.0, *(2.0 * step for step in range(1, 13))])
    seen: list[Moment] = []
    now = [0.0]

    def observe(moment: Moment) -> None:
        seen.append(moment)
        now[0] = next(seconds)

    next(seconds)
    now[0] = 0.0
    trained(observe=observe, clock=lambda: now[0])
    assert seen[3].crops_per_second == pytest.approx(4 * 2 / 6.0)
    assert seen[3].seconds_left == pytest.approx(8 * 6.0 / 4)


def test_stopped_anywhere_and_continued_it_ends_with_the_same_weights(
    tmp_path: Path,
) -> None:
    recipe = replace(RECIPE, rate=5e-3)
    whole = trained(recipe=recipe)
    partial = Partial(tmp_path / "x.partial", {})
    told: list[int] = []
    for stop in (3, 4, 11):
        steps = iter(range(stop - (told[-1] if told else 0) - 1))
        done = train(
            tiny_net(),
            two_pictures(),
            recipe,
            scale=2,
            partial=partial,
            stopping=lambda steps=steps: next(steps, None) is None,  # type: ignore[misc]
            warn=silent,
        )
        saved = partial.load()
        assert done is None
        assert saved is not None
        told.append(saved[1]["step"])
    heard: list[int] = []
    done = trained(
        recipe=recipe, partial=partial, continued=lambda _, step: heard.append(step)
    )
    assert heard == [told[-1]]
    assert same(done.net, whole.net)
    assert [(m.step, m.loss, m.psnr) for m in done.moments] == [
        (m.step, m.loss, m.psnr) for m in whole.moments
    ]


def test_one_that_was_finished_has_nothing_left_to_do(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "x.partial", {})
    first = trained(partial=partial)
    seen: list[Moment] = []
    again = trained(partial=partial, observe=seen.append)
    assert not seen
    assert same(first.net, again.net)


@pytest.mark.parametrize("steps", [0, 7])
def test_what_is_not_finite_stops_it_and_the_last_good_state_stays(
    tmp_path: Path, steps: int
) -> None:
    partial = Partial(tmp_path / "x.partial", {})
    recipe = replace(RECIPE, save_every=3)
    net: Any = Poisoned(steps)
    with pytest.raises(Diverged) as caught:
        trained(net, recipe, partial=partial)
    said = str(caught.value)
    assert f"the loss is nan at step {steps + 1}" in said
    assert "try a smaller rate, with --restart" in said
    saved = partial.load()
    if steps:
        assert f"{partial.path} keeps step 6, the last good one" in said
        assert saved is not None
        assert saved[1]["step"] == 6
        assert all(np.isfinite(array).all() for array in saved[0].values())
    else:
        assert "nothing was saved before" in said
        assert saved is None


def test_a_figure_that_is_not_finite_stops_it_and_is_shown_to_nobody(
    tmp_path: Path,
) -> None:
    seen: list[Moment] = []
    partial = Partial(tmp_path / "x.partial", {})
    recipe = replace(RECIPE, save_every=3)
    with pytest.raises(Diverged, match=r"the validation is nan at step 4; .* keeps step 3"):
        trained(Overflowing(), recipe, partial=partial, observe=seen.append)
    assert [moment.step for moment in seen] == [1, 2, 3]


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "x.partial", {})
    net = tiny_net()

    def spoil(moment: Moment) -> None:
        if moment.step == 6:
            with torch.no_grad():
                next(net.parameters())[0] = float("inf")

    with pytest.raises(Diverged, match="keeps step 3"):
        trained(net, replace(RECIPE, save_every=3), partial=partial, observe=spoil)


def test_it_is_saved_after_a_while_whatever_a_step_takes(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "x.partial", {})
    now = [0.0]
    saved: list[bool] = []

    def observe(moment: Moment) -> None:
        saved.append(partial.path.exists())
        now[0] += 50.0

    trained(partial=partial, observe=observe, clock=lambda: now[0])
    assert saved[:4] == [False, False, False, True]


def test_a_file_of_another_training_or_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.partial"
    first = {"recipe": {"rate": 0.1, "save_every": 3}, "scale": 2}
    trained(partial=Partial(path, first))
    blob = path.read_bytes()
    other = {"recipe": {"rate": 0.2, "save_every": 4}, "scale": 3}
    with pytest.raises(ConfigError) as caught:
        trained(partial=Partial(path, other))
    assert str(caught.value) == (
        f"{path}: was begun with recipe.rate 0.1 (now 0.2), scale 2 (now 3); "
        "continue with the same, or --restart"
    )
    path.write_bytes(blob[:-3])
    with pytest.raises(ConfigError, match="--restart begins anew"):
        Partial(path, first).load()
    path.write_bytes(blob)
    other_net = tiny_net(ZssrStarOptions(4, 3))
    with pytest.raises(ConfigError, match=r"does not fit: .*--restart begins anew"):
        trained(other_net, partial=Partial(path, first))


def test_of_another_network_the_options_are_not_listed() -> None:
    before = {"net": "zssr", "net_options": {"dropout": 0.5, "width": 4}, "from": None}
    now = {"net": "lr-residual", "net_options": {"width": 8}, "shrunken": (0.5,)}
    assert differences(before, now) == (
        'net "zssr" (now "lr-residual"), shrunken not set (now [0.5])'
    )
    assert differences(now, {**now, "net_options": {"width": 9}}) == (
        "net_options.width 8 (now 9)"
    )


def test_the_saved_file_is_plain_json_and_arrays(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "x.partial", {"seed": 1})
    trained(partial=partial)
    blob = partial.path.read_bytes()
    length = int.from_bytes(blob[:8], "little")
    head = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["srstream"])
    assert head["kind"] == "training"
    assert head["notes"]["step"] == 12
