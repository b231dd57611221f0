from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from srstream.build import Computes, build_stream, device_of
from srstream.errors import ConfigError
from srstream.settings import Settings, from_tables


@pytest.fixture
def computes() -> Iterator[Computes]:
    computes = Computes()
    yield computes
    assert computes.close(10.0)


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


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


async def test_streams_of_one_device_share_its_thread(computes: Computes) -> None:
    cpu = computes.on(torch.device("cpu"))
    assert computes.on(torch.device("cpu")) is cpu
    assert await cpu.call(threading.get_ident) != threading.get_ident()


async def test_building_opens_nothing_and_measures_what_frames_will_cost(
    tmp_path: Path, computes: Computes
) -> None:
    built = await build_stream("demo", settings(tmp_path), computes=computes, run="r")
    assert is_empty(tmp_path)
    assert built.device == torch.device("cpu")
    expected = await built.expect()
    assert expected.steps == 3
    assert 0 < expected.frame(64, 64) < expected.frame(512, 512)


async def test_a_device_that_is_not_there_is_refused_with_its_key(
    tmp_path: Path, computes: Computes
) -> None:
    wrong = settings(tmp_path, device="cuda:99")
    with pytest.raises(ConfigError, match=r"^streams\.demo\.device: .*use auto or cpu"):
        await build_stream("demo", wrong, computes=computes, run="r")


def test_a_device_is_found_by_its_name() -> None:
    assert device_of("cpu", key="--device") == torch.device("cpu")
    assert device_of("auto", key="--device").type in ("cpu", "cuda")
    with pytest.raises(ConfigError, match=r"^--device: "):
        device_of("tpu", key="--device")
