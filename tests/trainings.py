"""Trainings that take a moment: a tiny network and two small pictures."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from pictures import edges
from srstream.engine.nets import LrResidualOptions, Net
from srstream.training import Original, Pictures, Recipe
from trained import born

OPTIONS = LrResidualOptions(width=8, depth=4)
RECIPE = Recipe(steps=12, warm_up=2, batch=2, side=12, measurements=3)


def silent(text: str) -> None:
    """Take no warning."""
    raise AssertionError(text)


def tiny_net(options: Any = OPTIONS, *, scale: int = 2, seed: int = 0) -> Net:
    """Return a network as it is born."""
    return born(options, scale, torch.Generator().manual_seed(seed))


def two_pictures() -> Pictures:
    """Return one picture to learn from and one to measure on."""
    first, second = (
        torch.from_numpy(edges(64, 72, shift=shift).transpose(2, 0, 1).copy())
        for shift in (0, 5)
    )
    digests = [hashlib.sha256(each.numpy().tobytes()).digest() for each in (first, second)]
    return Pictures(
        (Original("a.png", digests[0], first),), (Original("b.png", digests[1], second),)
    )
