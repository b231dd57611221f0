"""One step of training, and all that it leaves behind, to be saved and continued."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import Parameter

from srstream.engine.contracts import Net
from srstream.engine.state import array_of
from srstream.errors import Diverged, StateError
from srstream.training.crops import Pool
from srstream.training.optimiser import Optimiser
from srstream.training.recipe import Recipe

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Trainer:
    """A network in training, and the moving average of its weights."""

    def __init__(self, net: Net, pool: Pool, recipe: Recipe, device: torch.device) -> None:
        self._net = net
        self.averaged: Net = copy.deepcopy(net)
        """The network with the averaged weights, which are those that are kept; it computes
        in float32."""
        net.precision = _DTYPES[recipe.precision]
        self._pool = pool
        self._recipe = recipe
        self._weights = dict(net.named_parameters())
        self._averages = dict(self.averaged.named_parameters())
        for average in self._averages.values():
            average.requires_grad_(False)
        self._optimiser = Optimiser(
            self._weights.items(), rate=recipe.rate, muon_rate=recipe.muon_rate
        )
        self._draws = Generator().manual_seed(recipe.seed)
        self._noise = Generator(device).manual_seed(recipe.seed)
        self.step = 0
        """Steps that were taken."""

    def advance(self) -> float:
        """Take one step and return the loss before it.

        Raises:
            Diverged: the loss or its gradient is not finite; the weights are as before.
        """
        recipe = self._recipe
        low, high = self._pool.batch(recipe.batch, self._draws)
        # Absolute: the squared error, even for the last quarter only, favours the few
        # hard pictures and lowers the mean PSNR (docs/decisions/0014).
        loss = (self._net(_last(low), self._noise) - high).abs().mean()
        for weight in self._weights.values():
            weight.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._weights.values(), recipe.clip)
        value = float(loss.detach())
        if not math.isfinite(value) or not math.isfinite(float(norm)):
            raise Diverged(
                f"the loss is {value} at step {self.step + 1}, and its gradient {norm}"
            )
        self._optimiser.step(share_of_rate(self.step, recipe))
        self._average()
        self.step += 1
        return value

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything.

        Raises:
            Diverged: a weight is not finite.
        """
        arrays = {f"optimiser/{k}": v for k, v in self._optimiser.arrays().items()}
        for kind, named in self._kinds():
            for name, tensor in named.items():
                array = tensor.detach().to("cpu", copy=True).numpy()
                if not np.isfinite(array).all():
                    raise Diverged(f"{name} is not finite after step {self.step}")
                arrays[f"{kind}/{name}"] = array
        arrays["random/draws"] = self._draws.get_state().numpy().copy()
        arrays["random/noise"] = self._noise.get_state().numpy().copy()
        return arrays

    @torch.no_grad()
    def load(self, arrays: Mapping[str, NDArray[Any]], step: int) -> None:
        """Take over what `arrays` returned. Raises `StateError`."""
        for kind, named in self._kinds():
            for name, tensor in named.items():
                array = array_of(arrays, f"{kind}/{name}", tensor.shape)
                tensor.copy_(torch.from_numpy(array))
        prefix = "optimiser/"
        moments = {k: v for k, v in arrays.items() if k.startswith(prefix)}
        self._optimiser.load({k.removeprefix(prefix): v for k, v in moments.items()})
        try:
            self._draws.set_state(torch.from_numpy(arrays["random/draws"]))
            self._noise.set_state(torch.from_numpy(arrays["random/noise"]))
        except (KeyError, RuntimeError, TypeError) as error:
            raise StateError(f"the random state does not fit: {error}") from error
        self.step = step

    def _kinds(self) -> Iterator[tuple[str, dict[str, Parameter]]]:
        yield "weight", self._weights
        yield "average", self._averages

    @torch.no_grad()
    def _average(self) -> None:
        # At first a mean over few steps: the initial weights are soon forgotten.
        kept = min(self._recipe.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self._averages.values()), list(self._weights.values()), 1 - kept
        )


def share_of_rate(step: int, recipe: Recipe) -> float:
    """Return which share of the learning rates holds at a step, counted from 0."""
    rising = min(1.0, (step + 1) / recipe.warm_up) if recipe.warm_up else 1.0
    return rising * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def _last(low: Tensor) -> Tensor:
    return low.contiguous(memory_format=torch.channels_last)
