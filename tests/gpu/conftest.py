"""Needs a bare checkout with torch, numpy, safetensors and pytest: `pytest tests/gpu`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


@pytest.fixture
def device() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is usable here")
    return torch.device("cuda:0")
