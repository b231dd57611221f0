"""The configuration files that come with the program."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from srstream.engine.losses import LOSSES
from srstream.engine.nets import NETS
from srstream.engine.options import AdaptOptions, SessionOptions, UpscaleOptions
from srstream.engine.presets import DEFAULT_PRESET, PRESETS
from srstream.registry import Registry
from srstream.settings import (
    CheckpointOptions,
    DaemonSettings,
    StreamSettings,
    from_tables,
    load,
)
from srstream.sinks import SINKS
from srstream.sources import SOURCES

CONFIG = Path(__file__).parents[3] / "config"
REFERENCE = CONFIG / "reference.toml"

OPTIONAL = re.compile(r"^# (\w+) = \S+ ", re.MULTILINE)
ABSENT_BY_DEFAULT = {"seconds", "target_fps", "plateau", "pairs", "tile"}


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    return tomllib.loads(REFERENCE.read_text("utf-8"))


def names(options: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(options)}


def parts(tables: dict[str, Any], registry: Registry[Any, Any]) -> list[dict[str, Any]]:
    """Return every table of the file that chooses from the registry."""
    found: list[dict[str, Any]] = []
    for stream in tables["streams"].values():
        found += {
            "source": [stream["source"]],
            "sink": stream["sinks"],
            "network": [stream["net"]] if "net" in stream else [],
            "loss": [stream.get("adapt", {})["loss"]] if "adapt" in stream else [],
        }[registry.kind]
    return found


def test_the_small_configuration_goes_from_inbox_to_outbox() -> None:
    settings = load(CONFIG / "srstream.toml", environ={})
    (stream,) = settings.streams.values()
    assert list(settings.streams) == ["main"]
    assert stream.session == PRESETS[DEFAULT_PRESET]
    root = CONFIG.parent
    assert (settings.base / stream.source.path).resolve() == root / "inbox"
    assert [(settings.base / sink.path).resolve() for sink in stream.sinks] == [
        root / "outbox",
        root / "outbox" / "stats.jsonl",
    ]
    assert (settings.base / settings.daemon.state_dir).resolve() == root / "state"


def test_the_reference_holds_the_defaults() -> None:
    settings = load(REFERENCE, environ={})
    reference = settings.streams["reference"]
    assert settings.daemon == DaemonSettings()
    assert reference == StreamSettings(
        session=PRESETS[DEFAULT_PRESET],
        device="auto",
        source=reference.source,
        sinks=reference.sinks,
    )
    for options in (reference.source, *reference.sinks):
        assert options == type(options)(options.path)
    feed = settings.streams["feed"]
    for options in (feed.source, *feed.sinks):
        assert options == type(options)(options.endpoints)
    assert settings.streams["light"].session == PRESETS["light"]
    for name in ("zssr", "lr-residual"):
        assert settings.streams[name].session.net == NETS[name].options()


@pytest.mark.parametrize("registry", [SOURCES, SINKS, NETS, LOSSES])
def test_the_reference_names_every_type_with_all_its_keys(
    tables: dict[str, Any], registry: Registry[Any, Any]
) -> None:
    complete = {
        table["type"]
        for table in parts(tables, registry)
        if table.keys() == {"type", *names(registry[table["type"]].options)}
    }
    assert complete == set(registry)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (("daemon",), names(DaemonSettings)),
        (
            ("streams", "reference"),
            # The loss is set within adapt, and weights bring their network.
            (names(SessionOptions) - {"loss", "net"})
            | (names(StreamSettings) - {"session"}),
        ),
        (("streams", "reference", "checkpoint"), names(CheckpointOptions)),
        (("streams", "reference", "adapt"), names(AdaptOptions) | {"loss"}),
        (("streams", "reference", "upscale"), names(UpscaleOptions)),
    ],
)
def test_the_reference_has_every_key(
    tables: dict[str, Any], where: Iterable[str], expected: set[str]
) -> None:
    table = tables
    for name in where:
        table = table[name]
    assert table.keys() | (expected & ABSENT_BY_DEFAULT) == expected


def test_only_what_is_absent_by_default_is_commented_out() -> None:
    text = REFERENCE.read_text("utf-8")
    assert set(OPTIONAL.findall(text)) == ABSENT_BY_DEFAULT
    preset = PRESETS[DEFAULT_PRESET]
    for options in (preset.adapt, preset.upscale):
        for name in ABSENT_BY_DEFAULT & names(type(options)):
            assert getattr(options, name) is None


def test_what_is_commented_out_is_allowed() -> None:
    text = REFERENCE.read_text("utf-8")
    assert load_text(OPTIONAL.sub(lambda match: match[0][2:], text)) != load_text(text)


def load_text(text: str) -> object:
    return from_tables(tomllib.loads(text), base=CONFIG)
