from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from srstream.engine.presets import PRESETS
from srstream.errors import Complaint, ConfigError
from srstream.settings import DaemonSettings, Flags, StreamSettings, from_tables, load
from srstream.sinks.directory import DirectorySinkOptions
from srstream.sinks.stats import StatsOptions
from srstream.sources.directory import DirectoryOptions

EXAMPLE = """
[daemon]
state_dir = "state"

[streams.demo]
scale = 2
preset = "light"            # also when absent
device = "auto"             # auto (also when absent) | cpu | cuda | cuda:N
source = { type = "directory", path = "inbox", pattern = ["*.png", "*.jpg"], after = "keep" }
sinks = [
  { type = "directory", path = "outbox", format = "png" },
  { type = "stats", path = "outbox/stats.jsonl" },
]
net = { type = "zssr-star", width = 32 }
adapt = { mode = "online", steps = 20, loss = "dog" }
"""  # noqa: E501 - as it stands in the documents

SMALL = """
[streams.Demo]
source = { type = "directory", path = "in" }
sinks = [{ type = "directory", path = "out" }]
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "srstream.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaints(path: Path, *overrides: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(path, overrides=overrides, environ=environ)
    return str(error.value).splitlines()


def test_the_documented_example_loads(tmp_path: Path) -> None:
    light = PRESETS["light"]
    settings = load(written(tmp_path, EXAMPLE), environ={})
    assert settings.base == tmp_path
    assert settings.daemon == DaemonSettings(Path("state"))
    assert settings.streams == {
        "demo": StreamSettings(
            session=replace(
                light,
                net=replace(light.net, width=32),
                adapt=replace(light.adapt, mode="online", steps=20),
            ),
            device="auto",
            source=DirectoryOptions("inbox", pattern=("*.png", "*.jpg"), after="keep"),
            sinks=(
                DirectorySinkOptions("outbox", format="png"),
                StatsOptions("outbox/stats.jsonl"),
            ),
        )
    }


def test_the_same_file_gives_equal_settings(tmp_path: Path) -> None:
    path = written(tmp_path, EXAMPLE)
    assert load(path, environ={}) == load(path, environ={})


def test_a_changed_key_gives_other_settings(tmp_path: Path) -> None:
    path = written(tmp_path, EXAMPLE)
    changed = load(path, overrides=["streams.demo.adapt.steps=21"], environ={})
    assert changed != load(path, environ={})


def test_relative_paths_are_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, SMALL)
    monkeypatch.chdir(tmp_path)
    assert load(Path("srstream.toml"), environ={}).base == tmp_path


def test_the_environment_wins_over_the_file_and_set_over_both(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL + "scale = 2\nseed = 2\n")
    environ = {
        "SRSTREAM_STREAMS__DEMO__SCALE": "3",
        "SRSTREAM_STREAMS__DEMO__SEED": "3",
        "SRSTREAM_DAEMON__GRACE": "3",
    }
    settings = load(path, overrides=["streams.Demo.scale=4"], environ=environ)
    session = settings.streams["Demo"].session
    assert (session.scale, session.seed) == (4, 3)
    assert settings.daemon.grace == 3.0


def test_an_item_of_an_array_can_be_overridden(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    settings = load(path, overrides=["streams.Demo.sinks.0.path=other"], environ={})
    assert settings.streams["Demo"].sinks == (DirectorySinkOptions("other"),)


def test_a_mistake_of_an_override_names_the_override(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    environ = {"SRSTREAM_STREAMS__DEMO__SCALE": "two"}
    assert complaints(path, "streams.Demo.seed=one", **environ) == [
        'streams.Demo.scale: found "two" (string); allowed: 2, 3 or 4 '
        "(from SRSTREAM_STREAMS__DEMO__SCALE)",
        'streams.Demo.seed: found "one" (string); allowed: a whole number '
        "(from --set streams.Demo.seed=one)",
    ]


def test_mistakes_of_file_and_overrides_are_found_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL + "sclae = 3\n[daemon]\ngrace = 0\n")
    lines = complaints(path, "scale", "streams.Demo.sinks.9.path=x")
    assert [line.partition(": found")[0].partition(": unknown")[0] for line in lines] == [
        "--set scale: allowed: KEY=VALUE, such as streams.demo.scale=3",
        "streams.Demo.sinks",
        f"{path}:5: streams.Demo.sclae",
        f"{path}:7: daemon.grace",
    ]


def test_what_is_missing_is_told_at_its_table(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL.replace("source", "surce"))
    assert [line.split(": ")[:2] for line in complaints(path)] == [
        [f"{path}:2", "streams.Demo.source"],
        [f"{path}:3", "streams.Demo.surce"],
    ]


def test_mistakes_are_told_from_the_top_of_the_file_to_its_end(tmp_path: Path) -> None:
    text = SMALL + "scale = 7\nadapt = { stepz = 1 }\nseed = -1\ndevice = 5\n"
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), environ={})
    lines = [int(each.where.rpartition(":")[2]) for each in caught.value.complaints]
    assert len(lines) == 4
    assert lines == sorted(lines)


def test_a_conflict_of_streams_has_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL.replace('"out"', '"in"'))
    (line,) = complaints(path)
    assert line.startswith(f"{path}:4: streams.Demo.sinks[0].path: the folder this")


def test_a_table_of_an_override_needs_no_line(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    assert complaints(path, "streams.b.scale=3") == [
        "streams.b.source: missing; a table with a type is needed: directory, zmq "
        "(from --set streams.b.scale=3)",
        "streams.b.sinks: missing; tables with a type are needed: directory, stats, zmq "
        "(from --set streams.b.scale=3)",
    ]


def test_flags_hold_for_every_stream_and_win_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, SMALL + SMALL.replace("Demo", "b").replace("out", "other"))
    monkeypatch.chdir("/")
    settings = load(
        path,
        overrides=["daemon.state_dir=x", "streams.b.deterministic=false"],
        environ={},
        flags=Flags(state_dir=Path("srv/state"), deterministic=True),
    )
    assert settings.daemon.state_dir == Path("/srv/state")
    assert [each.deterministic for each in settings.streams.values()] == [True, True]


def test_a_flag_that_does_not_go_with_the_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL + 'identical = "reuse"\n')
    with pytest.raises(ConfigError) as error:
        load(path, environ={}, flags=Flags(deterministic=True))
    assert str(error.value).startswith(f"{path}:5: streams.Demo.identical: found")


@pytest.mark.parametrize("text", ["streams = 3\n", "streams = [3]\n", ""])
def test_flags_do_not_hide_a_wrong_file(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match="streams: "):
        load(path, environ={}, flags=Flags(deterministic=True))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\nb = \n", ":2: not TOML: Invalid value (column 5)"),
        ("a = 1\na = 2\n", ":2: not TOML: Cannot overwrite a value (column"),
        ("a = 1\nb = [", ": not TOML: Invalid value (at end of document)"),
        (b"a = 1\nb = '\xff'\n", ":2: not UTF-8"),
        ("a = " + "[" * 100_000, ": not TOML: "),
        ("a = " + "9" * 5000, ": not TOML: "),
    ],
)
def test_a_file_that_is_not_toml_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    path = written(tmp_path, text)
    (line,) = complaints(path)
    assert line.startswith(f"{path}{problem}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "srstream.toml"
    assert complaints(path) == [f"{path}: cannot be read: No such file or directory"]


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    assert complaints(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]


def test_an_empty_file_lacks_a_stream(tmp_path: Path) -> None:
    (line,) = complaints(written(tmp_path, ""))
    assert line.startswith(f"{tmp_path}/srstream.toml: streams: missing; ")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {"daemn": {}},
            "daemn: unknown key; did you mean daemon? known: daemon, streams",
        ),
        ({"daemon": 3}, "daemon: found 3 (number); allowed: a table"),
        ({"daemon": {"grace": 0.0}}, "daemon.grace: found 0.0; allowed: 0.1 to 3600"),
        ({"daemon": {"queue_mb": 0}}, "daemon.queue_mb: found 0; allowed: 1 to 65536"),
        (
            {"daemon": {"state_dir": 3}},
            "daemon.state_dir: found 3 (number); allowed: a",
        ),
        (
            {"daemon": {"stat_dir": "x"}},
            "daemon.stat_dir: unknown key; did you mean st",
        ),
    ],
)
def test_a_mistake_outside_the_streams_is_found(
    table: dict[str, Any], expected: str
) -> None:
    streams = {
        "demo": {
            "source": {"type": "directory", "path": "in"},
            "sinks": [{"type": "directory", "path": "out"}],
        }
    }
    with pytest.raises(ConfigError) as error:
        from_tables({"streams": streams, **table}, base=Path("/"))
    (complaint,) = error.value.complaints
    assert str(complaint).startswith(expected)


def test_tables_need_no_file() -> None:
    streams = {
        "inbox": {
            "source": {"type": "directory", "path": "/in"},
            "sinks": [{"type": "directory", "path": "/out"}],
        }
    }
    settings = from_tables({"streams": streams}, base=Path("/srv"))
    assert settings.base == Path("/srv")
    assert settings.daemon == DaemonSettings()
    assert list(settings.streams) == ["inbox"]


def test_what_turns_out_to_be_wrong_later_is_located_too(tmp_path: Path) -> None:
    file = tmp_path / "srstream.toml"
    file.write_text(
        """[streams.demo]
device = "cuda:9"
source = { type = "directory", path = "in" }
sinks = [{ type = "directory", path = "out" }]
"""
    )
    error = ConfigError(Complaint("streams.demo.device", "there is none"))
    located = load(file, environ={}).locate(error)
    assert str(located) == f"{file}:2: streams.demo.device: there is none"
    overridden = load(file, overrides=["streams.demo.device=cuda:8"], environ={})
    assert "--set streams.demo.device=cuda:8" in str(overridden.locate(error))
