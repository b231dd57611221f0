from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from srstream.build import Builder, Computes, device_of, specs
from srstream.errors import ConfigError
from srstream.settings import Settings, from_tables
from srstream.stores.ledger import Ledger
from srstream.stores.state_dir import StateDir


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
        "device": "cpu",
        "source": {"type": "directory", "path": "inbox"},
        "sinks": [{"type": "directory", "path": "outbox"}],
        "net": {"width": 4, "depth": 2},
        "adapt": {"steps": 3, "crop": 16},
        **stream,
    }
    return from_tables({"streams": {"demo": tables}}, base=folder)


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
    assert built.device == torch.device("cpu")
    expected = await built.expect()
    assert expected.steps == 3
    assert 0 < expected.frame(64, 64) < expected.frame(512, 512)


async def test_a_device_that_is_not_there_is_refused_with_its_key(
    tmp_path: Path, builder: Builder
) -> None:
    wrong = specs(settings(tmp_path, device="cuda:99"))["demo"]
    with pytest.raises(ConfigError, match=r"^streams\.demo\.device: .*use auto or cpu"):
        await builder.stream("demo", wrong)


def test_streams_differ_by_whatever_they_are_made_from(tmp_path: Path) -> None:
    assert specs(settings(tmp_path)) == specs(settings(tmp_path))
    assert specs(settings(tmp_path)) != specs(settings(tmp_path, scale=3))
    assert specs(settings(tmp_path)) != specs(settings(tmp_path / "elsewhere"))


def test_a_device_is_found_by_its_name() -> None:
    assert device_of("cpu", key="--device") == torch.device("cpu")
    assert device_of("auto", key="--device").type in ("cpu", "cuda")
    with pytest.raises(ConfigError, match=r"^--device: "):
        device_of("tpu", key="--device")
