from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional as F

from srstream.engine import layers
from srstream.engine.layers import Convolution, drawn_convolution


@pytest.fixture
def fresh() -> Iterator[None]:
    """What was found out about torch is forgotten before and after."""
    layers._is_fused.cache_clear()
    yield
    layers._is_fused.cache_clear()


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(mode=True)
    yield
    torch.use_deterministic_algorithms(mode=False)


def some(inputs: int, kind: torch.dtype) -> tuple[Convolution, torch.Tensor]:
    """A layer, and what it is to be applied to."""
    draw = torch.Generator().manual_seed(0)
    layer = drawn_convolution(inputs, 32, draw)
    features = torch.randn(1, inputs, 20, 20, generator=draw).to(kind)
    return layer, features.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("kind", "wrong"), [(torch.float32, 2e-5), (torch.bfloat16, 0.0)], ids=str
)
@pytest.mark.parametrize("inputs", [1, 32])
def test_in_one_pass_or_in_two_a_rectified_convolution_is_the_same_but_for_rounding(
    kind: torch.dtype, wrong: float, inputs: int
) -> None:
    layer, features = some(inputs, kind)
    with torch.inference_mode():
        expected = F.relu(layer(features))
        result = layer.rectified(features)
    assert result.dtype == kind
    assert float((result - expected).abs().max()) <= wrong


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.usefixtures("deterministic")
def test_where_torch_shall_be_deterministic_the_result_is_that_of_two_passes(
    kind: torch.dtype,
) -> None:
    layer, features = some(32, kind)
    with torch.inference_mode():
        assert torch.equal(layer.rectified(features), F.relu(layer(features)))


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.usefixtures("fresh")
def test_where_torch_cannot_do_it_in_one_pass_it_is_done_in_two(
    *, missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refusing(*_: object) -> torch.Tensor:
        asked.append(1)
        raise RuntimeError("bf16 path needs the cpu support")

    monkeypatch.setattr(layers, "_FUSED", None if missing else refusing)
    layer, features = some(32, torch.bfloat16)
    with torch.inference_mode():
        expected = F.relu(layer(features))
        for _ in range(2):
            assert torch.equal(layer.rectified(features), expected)
    assert len(asked) == (0 if missing else 1)


def test_processors_without_avx_512_compute_in_bfloat16_too() -> None:
    program = (
        "import torch\n"
        "from srstream.engine.layers import drawn_convolution\n"
        "layer = drawn_convolution(8, 8, torch.Generator().manual_seed(0))\n"
        "features = torch.ones(1, 8, 9, 9, dtype=torch.bfloat16)\n"
        "with torch.inference_mode():\n"
        "    expected = layer(features).relu()\n"
        "    print(torch.equal(layer.rectified(features), expected))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_a_rectified_convolution_passes_gradients_on() -> None:
    draw = torch.Generator().manual_seed(0)
    layer = drawn_convolution(2, 4, draw)
    features = torch.randn(1, 2, 8, 8, generator=draw)
    layer.rectified(features).sum().backward()
    weight = layer.weight.detach().clone().requires_grad_()
    F.relu(F.conv2d(features, weight, layer.bias, padding=1)).sum().backward()
    assert layer.weight.grad is not None
    assert weight.grad is not None
    assert torch.equal(layer.weight.grad, weight.grad)
