from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from srstream.engine.nets import LrResidualOptions, ZssrStarOptions
from srstream.engine.weights import Weights, pack_weights, unpack_weights
from srstream.errors import StateError
from srstream.training import train
from srstream.training.export import identity_in, identity_of, weights_of
from srstream.training.partial import differences
from srstream.training.start import take_over
from trainings import OPTIONS, RECIPE, silent, tiny_net, two_pictures


def made(
    *, scale: int = 2, start: Any = None, data: Any = MappingProxyType({"names": ["a"]})
) -> Weights:
    trained = train(tiny_net(scale=scale), two_pictures(), RECIPE, scale=scale, warn=silent)
    assert trained is not None
    return weights_of(
        trained,
        OPTIONS,
        RECIPE,
        scale=scale,
        name="tiny",
        start=start,
        data=data,
        figures={"set5": 33.25},
    )


def test_weights_say_how_they_came_about_and_the_same_training_gives_the_same() -> None:
    blob = pack_weights(made())
    assert blob == pack_weights(made())
    back = unpack_weights(blob)
    assert (back.net, back.options, back.scale) == ("lr-residual", OPTIONS, 2)
    about = json.loads(json.dumps(back.about))
    assert about["recipe"]["steps"] == about["steps"] == 12
    assert about["recipe"]["name"] == "tiny"
    assert about["data"] == {"names": ["a"]}
    assert about["colours"] == "luma"
    assert about["torch"] == torch.__version__
    assert set(about["figures"]) == {"set5", "validation", "validation bicubic"}
    assert all(20 < figure < 50 for figure in about["figures"].values())


def test_what_decided_the_weights_is_found_in_them_again() -> None:
    data = {"names": ["b"], "sha256": "d"}
    start = {"weights": "x2.safetensors", "sha256": "c"}
    wanted = identity_of(RECIPE, OPTIONS, scale=2, start=start, data=data)
    made_so = made(start=start, data={**data, "names": ["elsewhere"]})
    assert not differences(identity_in(unpack_weights(pack_weights(made_so))), wanted)
    assert differences(identity_in(made(data=data)), wanted) == 'from null (now "c")'
    bare = Weights("lr-residual", OPTIONS, 2, {}, {"from": 1, "recipe": [2], "data": None})
    assert "recipe.steps not set (now 12)" in differences(identity_in(bare), wanted)


def test_the_body_of_another_scale_is_taken_and_the_tail_stays_zero() -> None:
    weights = made()
    net = tiny_net(scale=3)
    parts = take_over(net, "lr-residual", weights)
    assert parts.left == ["tail.weight", "tail.bias"]
    found = dict(net.named_parameters())
    for name in parts.taken:
        assert np.array_equal(found[name].detach().numpy(), weights.arrays[name])
    assert not found["tail.weight"].any()


def test_all_of_the_same_network_is_taken_also_from_half_precision() -> None:
    weights = made()
    half = {name: array.astype(np.float16) for name, array in weights.arrays.items()}
    net = tiny_net(seed=5)
    parts = take_over(net, "lr-residual", Weights("lr-residual", OPTIONS, 2, half, {}))
    assert not parts.left
    for name, parameter in net.named_parameters():
        assert np.allclose(
            parameter.detach().numpy(), weights.arrays[name], rtol=2e-3, atol=1e-4
        )


def test_another_networks_weights_are_refused() -> None:
    weights = made()
    with pytest.raises(StateError, match="weights of lr-residual; wanted: of zssr-star"):
        take_over(tiny_net(ZssrStarOptions(4, 3)), "zssr-star", weights)
    with pytest.raises(StateError, match="no kernel has the shape it has here"):
        take_over(tiny_net(LrResidualOptions(width=5, depth=4)), "lr-residual", weights)
