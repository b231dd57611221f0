from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from pictures import edges, frame
from srstream.build import Builder, device_of, new_session, prepare, specs
from srstream.computes import Computes
from srstream.engine.options import AdaptOptions, SessionOptions
from srstream.engine.selftest import PrecisionTest, compare_precisions
from srstream.errors import ConfigError
from srstream.models.find import read_model
from srstream.settings import Settings, from_tables
from srstream.stores.ledger import Ledger
from srstream.stores.selftests import SelfTests
from srstream.stores.state_dir import StateDir
from trained import save_weights, tiny_weights

CPU = torch.device("cpu")
MEASURED = PrecisionTest("bfloat16", 2.0, 1.0, 0.5)
TRAINED = SessionOptions(net=None, weights="a.safetensors")
CHOSEN = "precision chosen by a self-test"


@pytest.fixture
def computes() -> Iterator[Computes]:
    computes = Computes()
    yield computes
    assert computes.close(10.0)


@pytest.fixture
def builder(tmp_path: Path, computes: Computes) -> Iterator[Builder]:
    with StateDir.open(tmp_path / "state") as state_dir:
        ledger = Ledger.open(state_dir.ledger)
        yield Builder(computes, ledger, state_dir, run="r")
        assert ledger.close_now()


def settings(folder: Path, **stream: Any) -> Settings:
    tables = {
        "preset": "light",
        "device": "cpu",
        "source": {"type": "directory", "path": "inbox"},
        "sinks": [{"type": "directory", "path": "outbox"}],
        "net": {"width": 4, "depth": 2},
        "adapt": {"steps": 3, "crop": 16},
        **stream,
    }
    if "weights" in stream:
        del tables["net"]
    return from_tables({"streams": {"demo": tables}}, base=folder)


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The self-test finds what is written here; on which threads it ran is told."""
    threads = []

    def found(*_: Any, **__: Any) -> Iterator[None]:
        threads.append(threading.current_thread().name)
        yield
        return MEASURED

    monkeypatch.setattr("srstream.models.precision.compare_precisions", found)
    return threads


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_streams_of_one_device_share_its_thread(computes: Computes) -> None:
    cpu = computes.on(torch.device("cpu"))
    assert computes.on(torch.device("cpu")) is cpu
    assert await cpu.call(threading.get_ident) != threading.get_ident()


async def test_deterministic_streams_compute_with_one_thread_of_torchs(
    computes: Computes,
) -> None:
    cpu = torch.device("cpu")
    assert computes.on(cpu, deterministic=True) is not computes.on(cpu)
    assert await computes.on(cpu, deterministic=True).call(torch.get_num_threads) == 1


async def test_building_opens_nothing_and_measures_what_frames_will_cost(
    tmp_path: Path, builder: Builder
) -> None:
    built = await builder.stream("demo", specs(settings(tmp_path))["demo"])
    assert names_in(tmp_path) == ["state"]
    assert built.start.device == torch.device("cpu")
    expected = await built.expect()
    assert expected.steps == 3
    assert 0 < expected.frame(64, 64) < expected.frame(512, 512)


def test_a_device_that_is_not_there_is_refused_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^streams\.demo\.device: .*use auto or cpu"):
        specs(settings(tmp_path, device="cuda:99"))


def test_streams_differ_by_whatever_they_are_made_from(tmp_path: Path) -> None:
    assert specs(settings(tmp_path)) == specs(settings(tmp_path))
    assert specs(settings(tmp_path)) != specs(settings(tmp_path, scale=3))
    assert specs(settings(tmp_path)) != specs(settings(tmp_path / "elsewhere"))


def test_streams_differ_by_the_content_of_their_weights(tmp_path: Path) -> None:
    named = settings(tmp_path, weights="mine.safetensors")
    save_weights(tmp_path / "mine.safetensors")
    before = specs(named)
    assert specs(named) == before
    save_weights(tmp_path / "mine.safetensors", tiny_weights(seed=99))
    assert specs(named) != before


def test_a_device_is_found_by_its_name() -> None:
    assert device_of("cpu", key="--device") == torch.device("cpu")
    assert device_of("auto", key="--device").type in ("cpu", "cuda")
    with pytest.raises(ConfigError, match=r"^--device: "):
        device_of("tpu", key="--device")


async def test_a_session_starts_from_the_weights_of_a_file(
    tmp_path: Path, computes: Computes
) -> None:
    frozen = AdaptOptions(mode="frozen")
    options = replace(TRAINED, adapt=frozen, precision="float32")
    means = []
    for shift in (0.0, 1.0):
        save_weights(tmp_path / "a.safetensors", tiny_weights(shift=shift))
        model = read_model("./a.safetensors", tmp_path, key="weights")
        start = await prepare(
            *(options, model, CPU, computes.on(CPU), SelfTests(None)), key="weights"
        )
        session = await new_session(start, start.compute, key="weights")
        means.append(session.step(frame(edges(32, 32))).pixels.mean())
    assert means[1] > means[0] + 3


async def test_a_stream_is_made_with_its_weights(tmp_path: Path, builder: Builder) -> None:
    save_weights(tmp_path / "mine.safetensors", tiny_weights(seed=99))
    wanted = specs(settings(tmp_path, weights="mine.safetensors"))["demo"]
    built = await builder.stream("demo", wanted)
    assert built.start.weights is not None
    assert built.start.weights.about["seed"] == 99
    assert (await built.expect()).upscale_megapixel > 0


@pytest.mark.parametrize("shape", [None, (1, 2)])
@pytest.mark.parametrize("precision", ["auto", "float32"])
async def test_weights_that_cannot_be_used_are_refused_with_their_key(
    tmp_path: Path,
    builder: Builder,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    shape: tuple[int, ...] | None,
) -> None:
    monkeypatch.setattr("srstream.models.precision.compare_precisions", compare_precisions)
    if shape is not None:  # else there is no such file
        weights = tiny_weights()
        arrays = {**weights.arrays, "head.weight": np.zeros(shape, np.float32)}
        save_weights(tmp_path / "mine.safetensors", replace(weights, arrays=arrays))
    named = settings(tmp_path, weights="mine.safetensors", precision=precision)
    with pytest.raises(ConfigError, match=r"^streams\.demo\.weights: .*mine\.safetensors"):
        await builder.stream("demo", specs(named)["demo"])


async def test_the_faster_precision_is_found_once_per_machine_and_network(
    tmp_path: Path, computes: Computes, measured: list[str]
) -> None:
    path, compute = tmp_path / "state" / "selftest.json", computes.on(CPU)
    with capture_logs() as logs:
        for shift in (0.0, 0.0, 1.0):
            save_weights(tmp_path / "a.safetensors", tiny_weights(shift=shift))
            model = read_model("./a.safetensors", tmp_path, key="weights")
            start = await prepare(
                TRAINED, model, CPU, compute, SelfTests(path), key="weights"
            )
            assert start.options == replace(TRAINED, precision="bfloat16")
    assert measured == ["compute cpu"] * 2
    told = [log for log in logs if log["event"] == CHOSEN]
    assert len(told) == 2
    figures = {name: told[0][name] for name in asdict(MEASURED)}
    assert figures == asdict(MEASURED)


@pytest.mark.parametrize(
    "kept",
    [
        {**asdict(MEASURED), "precision": "float64"},
        {"precision": "bfloat16"},
        {**asdict(MEASURED), "more": 1},
    ],
)
async def test_a_result_that_is_not_understood_is_measured_again(
    tmp_path: Path, computes: Computes, measured: list[str], kept: dict[str, Any]
) -> None:
    tests = SelfTests(tmp_path / "selftest.json")
    compute = computes.on(CPU)
    save_weights(tmp_path / "a.safetensors")
    tests.recall = lambda case: kept  # type: ignore[method-assign]
    model = read_model("./a.safetensors", tmp_path, key="weights")
    start = await prepare(TRAINED, model, CPU, compute, tests, key="weights")
    assert start.options.precision == "bfloat16"
    assert measured


async def test_where_nothing_can_be_kept_it_is_measured_each_time(
    tmp_path: Path, computes: Computes, measured: list[str]
) -> None:
    (tmp_path / "file").touch()
    compute = computes.on(CPU)
    save_weights(tmp_path / "a.safetensors")
    for path in (None, tmp_path / "file" / "selftest.json"):
        tests = SelfTests(path)
        model = read_model("./a.safetensors", tmp_path, key="weights")
        start = await prepare(TRAINED, model, CPU, compute, tests, key="weights")
        assert start.options.precision == "bfloat16"
    assert len(measured) == 2


@pytest.mark.parametrize(
    ("keys", "precision"),
    [
        ({"weights": "mine.safetensors", "deterministic": True}, "float32"),
        ({"weights": "mine.safetensors", "precision": "float32"}, "float32"),
        ({"weights": "mine.safetensors", "precision": "bfloat16"}, "bfloat16"),
        ({"precision": "auto"}, "float32"),
        ({"precision": "bfloat16"}, "bfloat16"),
    ],
)
async def test_what_is_set_or_without_trained_weights_is_not_measured(
    tmp_path: Path,
    builder: Builder,
    measured: list[str],
    keys: dict[str, Any],
    precision: str,
) -> None:
    save_weights(tmp_path / "mine.safetensors")
    built = await builder.stream("demo", specs(settings(tmp_path, **keys))["demo"])
    assert built.start.options.precision == precision
    assert not measured
