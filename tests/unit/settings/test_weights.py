from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from srstream.engine.nets import ZssrOptions
from srstream.engine.options import SessionOptions
from srstream.engine.presets import PRESETS
from srstream.errors import ConfigError
from srstream.models.catalogue import SHIPPED
from srstream.settings.streams import read_streams
from srstream.settings.weights import check_weights, refuse_net, with_weights

TRAINED = SessionOptions(preset="made-up", weights="realtime", net=None)
"""As of a preset that names weights."""


def session(**keys: Any) -> SessionOptions:
    table = {
        "preset": "light",
        "source": {"type": "directory", "path": "inbox"},
        "sinks": [{"type": "directory", "path": "outbox"}],
        **keys,
    }
    return read_streams({"demo": table})["demo"].session


def complaint(**keys: Any) -> str:
    with pytest.raises(ConfigError) as error:
        session(**keys)
    return str(error.value)


def test_weights_bring_their_network() -> None:
    expected = replace(PRESETS["light"], weights="my/net.safetensors", net=None)
    assert session(weights="my/net.safetensors") == expected


@pytest.mark.parametrize("name", SHIPPED.scales())
def test_a_shipped_model_goes_with_any_preset(name: str) -> None:
    assert session(weights=name, scale=4, preset="paper").weights == name


def test_a_name_that_is_not_shipped_is_refused_when_the_configuration_is_checked() -> None:
    told = complaint(weights="no-such-model")
    assert told.startswith('streams.demo.weights: found "no-such-model"; ')
    assert "name a model that is shipped" in told


def test_a_network_beside_weights_is_refused_with_the_remedy() -> None:
    told = complaint(weights="a.safetensors", net={"type": "zssr"})
    assert told == (
        'streams.demo.net: the weights "a.safetensors" bring their own network; remove '
        '`net`, or set streams.demo.weights = "none" for a network with weights drawn at '
        "random"
    )
    with pytest.raises(ConfigError, match=r'the weights "realtime" bring their own'):
        refuse_net(TRAINED, stream="streams.demo")


def test_none_takes_the_weights_of_a_preset_away() -> None:
    assert session(weights="none") == PRESETS["light"]
    assert session(weights="none", net={"type": "zssr"}).net == ZssrOptions()
    without = with_weights(TRAINED, "none", key="--weights")
    refuse_net(without, stream="streams.demo")
    check_weights(replace(without, net=ZssrOptions()), key="--weights", remedy="-")


def test_without_weights_a_network_is_needed() -> None:
    assert complaint(preset="realtime", weights="none") == (
        'streams.demo.weights: found "none" (string), and preset realtime has no network '
        "of its own; set streams.demo.net = { type = ... } too"
    )


def test_weights_are_a_string() -> None:
    assert complaint(weights=3).endswith("found 3 (number); allowed: a string")
    assert complaint(weights="").endswith('for weights drawn at random: "none"')


def test_the_precision_is_chosen() -> None:
    assert session().precision == "auto"
    assert session(precision="bfloat16").precision == "bfloat16"
    assert complaint(precision="bfloat61") == (
        'streams.demo.precision: found "bfloat61" (string); did you mean bfloat16? '
        "known: auto, bfloat16, float32"
    )


def test_what_is_deterministic_is_not_bfloat16() -> None:
    for allowed in ("auto", "float32"):
        assert session(deterministic=True, precision=allowed).precision == allowed
    told = complaint(deterministic=True, precision="bfloat16")
    assert told.startswith("streams.demo.precision: found ")
    assert "allowed with deterministic = true: float32, or auto" in told
