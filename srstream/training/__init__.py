"""Train a network beforehand, on pictures, for sessions to start from: `pretrain`."""

from __future__ import annotations

from srstream.training.loop import Moment, Trained, train
from srstream.training.pictures import Original, Pictures, read_pictures
from srstream.training.recipe import Recipe, load_recipe

__all__ = [
    "Moment",
    "Original",
    "Pictures",
    "Recipe",
    "Trained",
    "load_recipe",
    "read_pictures",
    "train",
]
