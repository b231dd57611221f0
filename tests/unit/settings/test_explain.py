from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from srstream.engine.losses import LOSSES
from srstream.engine.nets import NETS
from srstream.engine.presets import DEFAULT_PRESET, PRESETS
from srstream.errors import ConfigError
from srstream.models.catalogue import SHIPPED
from srstream.settings import DaemonSettings
from srstream.settings.explain import KeyDoc, explain
from srstream.sinks import SINKS
from srstream.sources import SOURCES

REFERENCE = Path(__file__).parents[3] / "config" / "reference.toml"


def keys(wanted: str) -> list[str]:
    return [doc.key.removeprefix("streams.NAME.") for doc in explain(wanted)]


def only(wanted: str) -> KeyDoc:
    (doc,) = explain(wanted)
    return doc


def test_every_key_of_the_reference_is_explained_with_its_default() -> None:
    tables = tomllib.loads(REFERENCE.read_text("utf-8"))
    stream = tables["streams"]["reference"]
    written = {f"daemon.{key}": value for key, value in tables["daemon"].items()}
    for key, value in stream.items():
        if isinstance(value, (dict, list)):
            tables_here = value if isinstance(value, list) else [value]
            for table in tables_here:
                of = f".{table['type']}" if "type" in table else ""
                for name, each in table.items():
                    if not isinstance(each, dict) and name not in {"type", "path"}:
                        written[f"{key}{of}.{name}"] = each
        else:
            written[key] = value
    for key, value in written.items():
        doc = only(key)
        assert (doc.default, doc.required) == (value, False), key
        assert doc.meaning


@pytest.mark.parametrize("registry", [SOURCES, SINKS, NETS, LOSSES])
def test_every_key_of_every_type_is_explained(registry: Any) -> None:
    docs = explain()
    for name in registry:
        explained = {doc.key.rsplit(".", 1)[1] for doc in docs if doc.of == name}
        assert {each.name for each in fields(registry[name].options)} <= explained


def test_what_is_required_has_no_default() -> None:
    doc = only("source.directory.path")
    assert (doc.required, doc.default, doc.allowed) == (True, None, "a string")


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("daemon.grace", "a number: 0.1 to 3600"),
        ("daemon.queue_mb", "a whole number: 1 to 65536"),
        ("adapt.rate", "a number: 1e-07 to 1.0"),
        ("adapt.seconds", "a number: 0.0 to 86400.0"),
        ("adapt.mode", "online, per-frame or frozen"),
        ("adapt.carry_moments", "true or false"),
        ("net.type", "zssr, zssr-star, lr-residual"),
        ("precision", "auto, float32 or bfloat16"),
        ("sinks.directory.compression", "a whole number: 1 to 9"),
        ("deterministic", "true or false"),
        ("source.zmq.idle", "a number: 1 to 2592000"),
        ("source.zmq.insecure", "true or false"),
        ("source.zmq.endpoints", "an array, each item a string"),
        ("sinks.zmq.budget_mb", "a whole number: 1 to 65536"),
        ("preset", "realtime, balanced, light, paper, paper-code"),
    ],
)
def test_what_is_allowed_is_told_with_its_range(wanted: str, allowed: str) -> None:
    assert only(wanted).allowed == allowed


def test_weights_are_explained_with_the_models_that_are_shipped() -> None:
    doc = only("weights")
    assert doc.allowed.split(", ")[: 1 + len(SHIPPED.scales())] == [
        "none",
        *SHIPPED.scales(),
    ]
    assert doc.default == (PRESETS[DEFAULT_PRESET].weights or "none")


def test_of_a_network_no_type_is_required() -> None:
    assert not only("net.type").required


def test_a_key_is_found_however_it_is_written() -> None:
    for wanted in ("sinks.stats.path", "streams.front-gate.sinks[1].stats.path"):
        assert only(wanted).of == "stats"
    assert keys("streams.demo.sinks.0.path") == ["sinks[N].path", "sinks[N].path"]


def test_a_table_is_explained_with_all_its_keys() -> None:
    assert keys("daemon") == [f"daemon.{each.name}" for each in fields(DaemonSettings)]
    assert keys("checkpoint") == [
        "checkpoint.frames",
        "checkpoint.seconds",
        "checkpoint.keep",
    ]
    assert {"adapt.steps", "adapt.loss.type", "adapt.loss.levels"} <= set(keys("adapt"))
    assert set(keys("loss.dog")) == {
        f"adapt.loss.{each.name}" for each in fields(LOSSES["dog"].options)
    }


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"^adapt\.stepz: unknown key; did you mean "):
        explain("adapt.stepz")
    with pytest.raises(ConfigError, match=r"did you mean adapt\.steps\?"):
        explain("streams.demo.adpt.steps")


def test_what_is_explained_is_strict_json() -> None:
    for doc in explain():
        json.dumps([doc.default], allow_nan=False)
