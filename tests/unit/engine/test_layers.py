from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from srstream.engine import layers
from srstream.engine.layers import drawn_convolution


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("inputs", [1, 8])
def test_in_one_pass_or_in_two_a_rectified_convolution_is_the_same_bit_for_bit(
    kind: torch.dtype, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = torch.Generator().manual_seed(0)
    layer = drawn_convolution(inputs, 16, draw)
    features = torch.randn(2, inputs, 19, 23, generator=draw).to(kind)
    features = features.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = F.relu(layer(features))
        assert torch.equal(layer.rectified(features), expected)
        monkeypatch.setattr(layers, "_FUSED", None)
        assert torch.equal(layer.rectified(features), expected)


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
