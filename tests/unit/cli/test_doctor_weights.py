from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from srstream.cli.checks.finding import Status
from srstream.cli.checks.weights import check_weights
from srstream.settings import Settings, from_tables
from trained import save_weights, tiny_weights


def settings(base: Path, **stream: object) -> Settings:
    table = {
        "preset": "light",
        "source": {"type": "directory", "path": "in"},
        "sinks": [{"type": "directory", "path": "out"}],
        **stream,
    }
    return from_tables({"streams": {"a": table}}, base=base)


def test_a_stream_without_weights_needs_none(tmp_path: Path) -> None:
    assert list(check_weights(settings(tmp_path))) == []


def test_weights_that_fit_are_well(tmp_path: Path) -> None:
    save_weights(tmp_path / "mine.safetensors")
    (finding,) = check_weights(settings(tmp_path, weights="mine.safetensors"))
    assert (finding.check, finding.status) == ("streams.a.weights", Status.OK)
    assert finding.found == "mine.safetensors x2: lr-residual, 336 parameters"


@pytest.mark.parametrize(
    ("keys", "found", "remedy"),
    [
        ({"weights": "./none"}, "no such file", "name a model that is shipped"),
        ({"scale": 3}, "is for x2; wanted: x3", "change its scale"),
    ],
)
def test_weights_that_cannot_be_used_are_told_with_the_remedy(
    tmp_path: Path, keys: dict[str, object], found: str, remedy: str
) -> None:
    save_weights(tmp_path / "mine.safetensors")
    wanted = {"weights": "mine.safetensors", **keys}
    (finding,) = check_weights(settings(tmp_path, **wanted))
    assert finding.status is Status.FAIL
    assert found in finding.found
    assert remedy in finding.remedy


def test_arrays_that_do_not_fit_their_network_are_told(tmp_path: Path) -> None:
    weights = tiny_weights()
    arrays = {**weights.arrays, "head.weight": np.zeros((1, 2), np.float32)}
    save_weights(tmp_path / "mine.safetensors", replace(weights, arrays=arrays))
    (finding,) = check_weights(settings(tmp_path, weights="mine.safetensors"))
    assert finding.status is Status.FAIL
    assert finding.remedy == "name other weights"
