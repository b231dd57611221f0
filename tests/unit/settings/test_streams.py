from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from srstream.engine.losses import DogOptions, L1Options, MseOptions
from srstream.engine.nets import ZssrOptions, ZssrStarOptions
from srstream.engine.options import UpscaleOptions
from srstream.engine.presets import DEFAULT_PRESET, PRESETS
from srstream.errors import ConfigError
from srstream.settings.schema import CheckpointOptions, StreamSettings
from srstream.settings.streams import read_streams
from srstream.sinks.directory import DirectorySinkOptions
from srstream.sinks.stats import StatsOptions
from srstream.sources.directory import DirectoryOptions

LIGHT = PRESETS["light"]
CODE_LOSS = DogOptions(
    levels=5, sigma=1.0, weight=10.0, low_weight=1.0, norm="l1", first_band=0
)
SOURCE = {"type": "directory", "path": "inbox"}
SINKS = [{"type": "directory", "path": "outbox"}]


def stream(**keys: Any) -> StreamSettings:
    table = {"preset": "light", "source": SOURCE, "sinks": SINKS, **keys}
    return read_streams({"demo": table})["demo"]


def complaints(**keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        stream(**keys)
    return str(error.value).splitlines()


def test_only_source_and_sinks_are_required() -> None:
    assert read_streams({"a": {"source": SOURCE, "sinks": SINKS}})["a"] == StreamSettings(
        session=PRESETS[DEFAULT_PRESET],
        device="auto",
        source=DirectoryOptions("inbox"),
        sinks=(DirectorySinkOptions("outbox"),),
    )


def test_sinks_keep_their_order() -> None:
    stats = {"type": "stats", "path": "stats.jsonl"}
    assert stream(sinks=[stats, *SINKS]).sinks == (
        StatsOptions("stats.jsonl"),
        DirectorySinkOptions("outbox"),
    )


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_taken_whole(name: str) -> None:
    assert stream(preset=name).session == PRESETS[name]


def test_scale_and_seed_override_the_preset() -> None:
    session = stream(preset="paper", scale=4, seed=7).session
    assert session == replace(PRESETS["paper"], scale=4, seed=7)


def test_a_net_without_a_type_overrides_keys_of_the_presets() -> None:
    assert LIGHT.net != ZssrStarOptions()  # else this would show nothing
    assert stream(net={"depth": 4}).session.net == replace(LIGHT.net, depth=4)


def test_a_net_of_the_presets_type_overrides_keys_of_the_presets() -> None:
    net = {"type": "zssr-star", "width": 16}
    assert stream(net=net).session.net == replace(LIGHT.net, width=16)


def test_a_net_of_another_type_has_its_own_defaults() -> None:
    assert stream(net={"type": "zssr"}).session.net == ZssrOptions(128, 8)


def test_adapt_overrides_keys_of_the_presets() -> None:
    session = stream(adapt={"steps": 5, "milestones": [2, 4], "seconds": 3}).session
    adapt = replace(LIGHT.adapt, steps=5, milestones=(2, 4), seconds=3.0)
    assert session == replace(LIGHT, adapt=adapt)


@pytest.mark.parametrize(
    ("preset", "loss", "expected"),
    [
        ("light", "mse", MseOptions()),
        ("light", {"type": "l1"}, L1Options()),
        ("paper", {"levels": 3}, DogOptions(levels=3)),
        ("paper-code", "dog", CODE_LOSS),
        ("paper-code", {"levels": 3}, replace(CODE_LOSS, levels=3)),
        ("paper-code", {"type": "dog", "levels": 3}, replace(CODE_LOSS, levels=3)),
    ],
)
def test_the_loss_is_set_within_adapt(preset: str, loss: Any, expected: Any) -> None:
    session = stream(preset=preset, adapt={"loss": loss}).session
    assert session == replace(PRESETS[preset], loss=expected)


def test_upscale_overrides_keys_of_the_presets() -> None:
    upscale = {"ensemble": True, "back_projection": 1}
    assert stream(upscale=upscale).session.upscale == UpscaleOptions(
        ensemble=True, back_projection=1
    )


def test_a_stream_says_how_its_state_is_kept() -> None:
    read = stream(deterministic=True, identical="process", checkpoint={"frames": 7})
    assert (read.deterministic, read.identical) == (True, "process")
    assert read.checkpoint == CheckpointOptions(frames=7)
    assert stream(identical="reuse").identical == "reuse"


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_a_device_is_kept_as_it_is_called(device: str) -> None:
    assert stream(device=device).device == device


@pytest.mark.parametrize("name", ["a", "Front-Gate_2", "a.b", "...", "x" * 64])
def test_a_stream_may_be_called_so(name: str) -> None:
    assert list(read_streams({name: {"source": SOURCE, "sinks": SINKS}})) == [name]


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "é", "a\n", "x" * 65])
def test_a_stream_may_not_be_called_so(name: str) -> None:
    with pytest.raises(ConfigError, match="allowed in a name: 1 to 64 of"):
        read_streams({name: {"source": SOURCE, "sinks": SINKS}})


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"sclae": 3},
            "streams.demo.sclae: unknown key; did you mean scale? known: adapt, "
            "checkpoint, deterministic, device, identical, net, precision, preset, "
            "scale, seed, sinks, source, upscale, weights",
        ),
        (
            {"scale": "two"},
            'streams.demo.scale: found "two" (string); allowed: 2, 3 or 4',
        ),
        ({"scale": 5}, "streams.demo.scale: found 5 (number); allowed: 2, 3 or 4"),
        ({"scale": 2.0}, "streams.demo.scale: found 2.0 (number); allowed: 2, 3 or 4"),
        ({"seed": -1}, "streams.demo.seed: found -1; allowed: 0 to "),
        (
            {"seed": "1"},
            'streams.demo.seed: found "1" (string); allowed: a whole number',
        ),
        (
            {"preset": "lite"},
            'streams.demo.preset: found "lite" (string); did you mean light? '
            "known: balanced, light, paper, paper-code, realtime",
        ),
        ({"preset": 3}, "streams.demo.preset: found 3 (number); known: balanced, light"),
        (
            {"device": "gpu"},
            'streams.demo.device: found "gpu" (string); allowed: auto, cpu, cuda or ',
        ),
        ({"device": "cuda:x"}, 'streams.demo.device: found "cuda:x" (string); allowed'),
        ({"device": "cpu\n"}, 'streams.demo.device: found "cpu\\n" (string); allowed'),
        ({"device": 0}, "streams.demo.device: found 0 (number); allowed: auto, cpu"),
        (
            {"source": "inbox"},
            'streams.demo.source: found "inbox" (string); allowed: a',
        ),
        (
            {"source": {"path": "in"}},
            "streams.demo.source.type: missing; one of these is needed: directory",
        ),
        (
            {"source": {"type": "directory"}},
            "streams.demo.source.path: missing; a string is needed",
        ),
        (
            {"source": {"type": "directry", "path": "in"}},
            'streams.demo.source.type: found "directry" (string); did you mean dir',
        ),
        (
            {"source": {**SOURCE, "patern": []}},
            "streams.demo.source.patern: unknown key; did you mean pattern? known: ",
        ),
        (
            {"source": {**SOURCE, "pattern": "*.png"}},
            'streams.demo.source.pattern: found "*.png" (string); allowed: an array',
        ),
        (
            {"source": {**SOURCE, "pattern": ["*.png", 3]}},
            "streams.demo.source.pattern[1]: found 3 (number); allowed: a string",
        ),
        (
            {"source": {**SOURCE, "settle": -1}},
            "streams.demo.source.settle: found -1",
        ),
        (
            {"source": {**SOURCE, "after": "kep"}},
            'streams.demo.source.after: found \'kep\'; allowed: "keep", "delete", or "mo',
        ),
        (
            {"source": {**SOURCE, "after": "move:"}},
            "streams.demo.source.after: found 'move:'; allowed: ",
        ),
        (
            {"source": {**SOURCE, "watch": "event"}},
            'streams.demo.source.watch: found "event" (string); did you mean events?',
        ),
        (
            {"sinks": [{**SINKS[0], "keep": "7 days"}]},
            "streams.demo.sinks[0].keep: found '7 days'; allowed: ",
        ),
        (
            {"sinks": [{**SINKS[0], "keep": True}]},
            "streams.demo.sinks[0].keep: found true (boolean); allowed: a string or a ",
        ),
        (
            {"sinks": []},
            "streams.demo.sinks: found an empty array; allowed: an array of",
        ),
        ({"sinks": {}}, "streams.demo.sinks: found a table; allowed: an array of at"),
        ({"sinks": ["out"]}, 'streams.demo.sinks[0]: found "out" (string); allowed: a'),
        (
            {"sinks": [*SINKS, {"type": "stat", "path": "x"}]},
            'streams.demo.sinks[1].type: found "stat" (string); did you mean stats?',
        ),
        (
            {"sinks": [{**SINKS[0], "format": "pgn"}]},
            'streams.demo.sinks[0].format: found "pgn" (string); did you mean png?',
        ),
        (
            {"sinks": [{**SINKS[0], "quality": 1000}]},
            "streams.demo.sinks[0].quality: found 1000; allowed: ",
        ),
        ({"net": "zssr"}, 'streams.demo.net: found "zssr" (string); allowed: a table'),
        (
            {"net": {"type": "zsr"}},
            'streams.demo.net.type: found "zsr" (string); did you mean zssr?',
        ),
        ({"net": {"width": 0}}, "streams.demo.net.width: found 0; allowed: 1 to 512"),
        (
            {"net": {"type": "zssr", "dropout": 0.1}},
            "streams.demo.net.dropout: unknown key; known: depth, type, width",
        ),
        (
            {"deterministic": 1},
            "streams.demo.deterministic: found 1 (number); allowed: true or false",
        ),
        (
            {"deterministic": True, "adapt": {"seconds": 2}},
            "streams.demo.adapt.seconds: a time budget, which deterministic = true does",
        ),
        (
            {"deterministic": True, "preset": "realtime", "adapt": {"target_fps": 25}},
            "streams.demo.adapt.target_fps: a time budget, which deterministic = true does",
        ),
        (
            {"deterministic": True, "preset": "realtime", "adapt": {"thread": "own"}},
            'streams.demo.adapt.thread: found "own"',
        ),
        (
            {"preset": "realtime", "adapt": {"heldout": 0}},
            "streams.demo.adapt.heldout: found 0.0; allowed with judge = 'cautious'",
        ),
        (
            {"deterministic": True, "identical": "reuse"},
            'streams.demo.identical: found "reuse" (string); allowed with deterministic',
        ),
        (
            {"identical": "reused"},
            'streams.demo.identical: found "reused" (string); did you mean reuse?',
        ),
        (
            {"checkpoint": 3},
            "streams.demo.checkpoint: found 3 (number); allowed: a table",
        ),
        (
            {"checkpoint": {"frame": 3}},
            "streams.demo.checkpoint.frame: unknown key; did you mean frames?",
        ),
        (
            {"checkpoint": {"frames": 0}},
            "streams.demo.checkpoint.frames: found 0; allowed: 1 to 1000000",
        ),
        (
            {"checkpoint": {"seconds": 0}},
            "streams.demo.checkpoint.seconds: found 0.0; allowed: 0.1 to 86400",
        ),
        (
            {"checkpoint": {"keep": 1}},
            "streams.demo.checkpoint.keep: found 1; allowed: 2 to 100",
        ),
        ({"adapt": 3}, "streams.demo.adapt: found 3 (number); allowed: a table"),
        (
            {"adapt": {"stpes": 3}},
            "streams.demo.adapt.stpes: unknown key; did you mean steps? known: as_is, "
            "batch, carry_moments, crop, heldout, judge, keyframe, loss, ",
        ),
        (
            {"adapt": {"steps": -1}},
            "streams.demo.adapt.steps: found -1; allowed: 0 to 1000000",
        ),
        (
            {"adapt": {"steps": 2.5}},
            "streams.demo.adapt.steps: found 2.5 (number); allowed: a whole number",
        ),
        (
            {"adapt": {"mode": "onlin"}},
            'streams.demo.adapt.mode: found "onlin" (string); did you mean online? '
            "known: frozen, online, per-frame",
        ),
        (
            {"adapt": {"milestones": [2, 1]}},
            "streams.demo.adapt.milestones: found (2, 1); allowed: rising, from 0",
        ),
        (
            {"adapt": {"rate": float("nan")}},
            "streams.demo.adapt.rate: found nan (number); allowed: finite numbers",
        ),
        (
            {"adapt": {"loss": "dgo"}},
            'streams.demo.adapt.loss: found "dgo" (string); did you mean dog? known: ',
        ),
        (
            {"adapt": {"loss": 3}},
            "streams.demo.adapt.loss: found 3 (number); allowed: a",
        ),
        (
            {"adapt": {"loss": {"type": "dgo"}}},
            'streams.demo.adapt.loss.type: found "dgo" (string); did you mean dog?',
        ),
        (
            {"adapt": {"loss": {"levels": 99}}},
            "streams.demo.adapt.loss.levels: found 99; allowed: 1 to 16",
        ),
        (
            {"adapt": {"loss": {"first_band": True}}},
            "streams.demo.adapt.loss.first_band: found true (boolean); allowed: 0 or 1",
        ),
        (
            {"upscale": {"ensemble": 1}},
            "streams.demo.upscale.ensemble: found 1 (number); allowed: true or false",
        ),
        (
            {"upscale": {"tile": 3}},
            "streams.demo.upscale.tile: found 3; allowed: 64 to 16384",
        ),
    ],
)
def test_a_mistake_is_complained_about_at_its_key(
    keys: dict[str, Any], expected: str
) -> None:
    (line,) = complaints(**keys)
    assert line.startswith(expected)
    assert "pydantic" not in line


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("source", "missing; a table with a type is needed: directory, zmq"),
        ("sinks", "missing; tables with a type are needed: directory, stats, zmq"),
    ],
)
def test_a_missing_part_is_named(name: str, expected: str) -> None:
    table = {"source": SOURCE, "sinks": SINKS}
    del table[name]
    with pytest.raises(ConfigError) as error:
        read_streams({"demo": table})
    assert str(error.value) == f"streams.demo.{name}: {expected}"


def test_all_mistakes_of_all_streams_are_found_at_once() -> None:
    one = {
        "preset": "lite",
        "scale": 5,
        "device": "gpu",
        "source": {"type": "directory"},
        "sinks": [{"type": "stats"}, {"type": "directory", "path": 3}],
        "net": {"width": 0, "depth": 0},
        "adapt": {"steps": -1, "loss": "dgo"},
        "upscale": {"merge": "men"},
        "colour": True,
    }
    with pytest.raises(ConfigError) as error:
        read_streams({"one": one, "two": 3})
    assert [complaint.key for complaint in error.value.complaints] == [
        "streams.one.colour",
        "streams.one.preset",
        "streams.one.scale",
        "streams.one.net.width",
        "streams.one.net.depth",
        "streams.one.adapt.loss",
        "streams.one.adapt.steps",
        "streams.one.upscale.merge",
        "streams.one.device",
        "streams.one.source.path",
        "streams.one.sinks[0].path",
        "streams.one.sinks[1].path",
        "streams.two",
    ]


@pytest.mark.parametrize("streams", [{}, 3, []])
def test_there_must_be_a_stream(streams: Any) -> None:
    with pytest.raises(ConfigError) as error:
        read_streams(streams)
    assert [complaint.key for complaint in error.value.complaints] == ["streams"]
