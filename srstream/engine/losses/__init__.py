"""The table of losses. Adding one is a file beside these and a line below."""

from __future__ import annotations

from srstream.engine.contracts import Loss, LossContext
from srstream.engine.losses.dog import Dog, DogOptions
from srstream.engine.losses.l1 import L1, L1Options
from srstream.engine.losses.mse import Mse, MseOptions
from srstream.registry import Registry

LOSSES: Registry[Loss, LossContext] = Registry("loss")
LOSSES.add("mse", MseOptions, Mse)
LOSSES.add("l1", L1Options, L1)
LOSSES.add("dog", DogOptions, Dog)

__all__ = ["LOSSES", "DogOptions", "L1Options", "Loss", "LossContext", "MseOptions"]
