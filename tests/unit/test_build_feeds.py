from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import FakeSender
from srstream.build import Builder, StreamSpec, specs
from srstream.computes import Computes
from srstream.errors import ConfigError
from srstream.runtime.fanout import FanOut
from srstream.runtime.pipeline import Pipeline
from srstream.settings import from_tables
from srstream.sinks.shared import Shared
from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir
from trained import save_weights

CHOSEN = "precision chosen by a self-test"


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    computes = Computes()
    with StateDir.open(tmp_path / "state") as state_dir:
        ledger = Ledger.open(state_dir.ledger)
        yield Builder(computes, ledger, state_dir, run="r")
        assert ledger.close_now()
    assert computes.close(10.0)


def spec(folder: Path, *sinks: dict[str, Any], **source: Any) -> StreamSpec:
    stream = {
        "preset": "light",
        "device": "cpu",
        "net": {"width": 4, "depth": 2},
        "adapt": {"steps": 1, "crop": 16},
        "source": {"type": "zmq", "endpoints": [f"ipc://{folder}/in.sock"], **source},
        "sinks": list(sinks) or [{"type": "directory", "path": "out"}],
    }
    return specs(from_tables({"streams": {"demo": stream}}, base=folder))["demo"]


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def sinks_of(pipeline: Pipeline) -> list[Any]:
    return [*pipeline._publisher._pictures, *pipeline._publisher._reports]


async def test_a_feed_is_a_source_like_any_other(tmp_path: Path, builder: Builder) -> None:
    built = await builder.stream("demo", spec(tmp_path))
    assert isinstance(built.pipeline, Pipeline)
    assert names_in(tmp_path) == ["state"]


async def test_a_stream_that_failed_goes_on_with_the_feed_it_had(
    tmp_path: Path, builder: Builder
) -> None:
    wanted = spec(tmp_path)
    first = await builder.stream("demo", wanted)
    again = await builder.stream("demo", wanted)
    assert again.pipeline._source is first.pipeline._source


async def test_a_stream_made_by_a_reload_has_a_feed_of_its_own(
    tmp_path: Path, builder: Builder
) -> None:
    wanted = spec(tmp_path)
    first = await builder.stream("demo", wanted)
    after = await builder.stream("demo", replace(wanted))
    assert after.pipeline._source is not first.pipeline._source


async def test_a_reload_that_fails_leaves_the_stream_that_runs_its_feed(
    tmp_path: Path, builder: Builder
) -> None:
    wanted, tried = spec(tmp_path), spec(tmp_path, queue_mb=7)
    first = await builder.stream("demo", wanted)
    await builder.stream("demo", tried)
    again = await builder.stream("demo", wanted)
    assert again.pipeline._source is first.pipeline._source


async def test_a_new_sender_begins_above_the_numbers_of_those_that_are_forgotten(
    tmp_path: Path, builder: Builder
) -> None:
    await builder._ledger.stream("demo").seq_at_least(9)
    built = await builder.stream("demo", spec(tmp_path, streams="per-sender"))
    assert isinstance(built.pipeline, FanOut)
    made = await built.pipeline._make("demo.cam1", FakeSender("cam1"))
    assert made._ledger.last_seq == 9


async def test_a_folder_is_watched_anew_by_every_run(
    tmp_path: Path, builder: Builder
) -> None:
    wanted = spec(tmp_path)
    inbox = from_tables(
        {
            "streams": {
                "demo": {
                    "source": {"type": "directory", "path": "in"},
                    "sinks": [{"type": "directory", "path": "out"}],
                }
            }
        },
        base=tmp_path,
    )
    settings = replace(wanted.settings, source=inbox.streams["demo"].source)
    watched = replace(wanted, settings=settings)
    first = await builder.stream("demo", watched)
    again = await builder.stream("demo", watched)
    assert again.pipeline._source is not first.pipeline._source


async def test_each_sender_has_folder_file_ledger_and_state_of_its_own(
    tmp_path: Path, builder: Builder
) -> None:
    wanted = spec(
        tmp_path,
        {"type": "directory", "path": "out"},
        {"type": "stats", "path": "out/stats.jsonl"},
        {"type": "zmq", "endpoints": [f"ipc://{tmp_path}/out.sock"]},
        streams="per-sender",
        max_senders=4,
    )
    built = await builder.stream("demo", replace(wanted, queue_mb=100))
    fanout = built.pipeline
    assert isinstance(fanout, FanOut)
    (shared,) = fanout._shared
    assert isinstance(shared, Shared)
    made = {
        name: await fanout._make(f"demo.{name}", FakeSender(name))
        for name in ("cam1", "cam2")
    }
    folders = {n: [str(s._folder) for s in sinks_of(p)[:1]] for n, p in made.items()}
    assert folders == {n: [f"{tmp_path}/out/{n}"] for n in made}
    files = [str(sinks_of(p)[-1]._path) for p in made.values()]
    assert files == [f"{tmp_path}/out/stats.{n}.jsonl" for n in made]
    assert all(sinks_of(p)[1]._sink is shared._sink for p in made.values())
    one, other = made.values()
    assert one.stream == "demo.cam1"
    assert one._ledger is builder._ledger.stream("demo.cam1")
    assert one._processor is not other._processor
    assert one._compute is other._compute
    assert one._keeper._checkpoints is not other._keeper._checkpoints
    assert one._decoded._max_bytes == 25 * 10**6


async def test_all_senders_start_from_one_self_test(
    tmp_path: Path, builder: Builder
) -> None:
    save_weights(tmp_path / "mine.safetensors")
    stream = {
        "device": "cpu",
        "weights": "./mine.safetensors",
        "source": {
            "type": "zmq",
            "endpoints": [f"ipc://{tmp_path}/in.sock"],
            "streams": "per-sender",
        },
        "sinks": [{"type": "directory", "path": "out"}],
    }
    wanted = specs(from_tables({"streams": {"demo": stream}}, base=tmp_path))["demo"]
    with capture_logs() as logs:
        built = await builder.stream("demo", wanted)
        for name in ("cam1", "cam2"):
            await built.pipeline._make(f"demo.{name}", FakeSender(name))
    assert [log["event"] for log in logs].count(CHOSEN) == 1


def test_keys_that_cannot_be_used_are_the_operators_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^streams\.demo\.source\.curve_key: cannot"):
        spec(tmp_path, curve_key="no/such", curve_clients="no")
