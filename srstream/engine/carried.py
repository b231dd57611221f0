"""What is carried from frame to frame: weights, moments, random state, what a scene is.

They are saved, restored, dumped and loaded together, so that a roll-back and a resumed
session leave nothing behind and miss nothing.

There are three networks of one kind: `net` learns, frames are upscaled with `published`,
and `initial` stays as it was made. To publish is to copy one buffer to another.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from srstream.engine.adapt import Adapter, Moments
from srstream.engine.flat import FlatWeights, change
from srstream.engine.heldout import Reserved
from srstream.engine.losses import LOSSES, LossContext
from srstream.engine.nets import NETS, Net, NetContext
from srstream.engine.options import SessionOptions
from srstream.engine.progress import Progress
from srstream.engine.remembered import Remembered
from srstream.engine.state import array_of, digest_of
from srstream.engine.weights import Weights
from srstream.errors import StateError

CHANNELS = 3
DEGRADATION = "bicubic"
"""How a frame is shrunk to learn from: K of `resample`."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of all that is carried."""

    weights: Tensor
    published: Tensor
    moments: Moments | None
    random: Tensor
    thumbnail: Tensor | None
    frames: int
    steps: int
    reserved: Reserved | None
    progress: Progress
    remembered: Remembered


class Carried:
    """The networks, the optimiser, the random generator and what is known of the scene."""

    def __init__(
        self,
        options: SessionOptions,
        device: torch.device,
        *,
        weights: Weights | None = None,
    ) -> None:
        """Make the network, of `weights` if there are any.

        Raises:
            ValueError: the options ask for others, or for some where none are given.
            StateError: the arrays are not those of the network.
        """
        net_options = _net_options(options, weights)
        self.net_name = NETS.name_of(net_options)
        self.net: Net = NETS[self.net_name].make(
            net_options,
            NetContext(
                channels=CHANNELS,
                scale=options.scale,
                generator=Generator().manual_seed(options.seed),
            ),
        )
        if weights is not None:
            _take_weights(self.net, weights)
        self.net.to(device=device, memory_format=torch.channels_last)
        self.initial, self.published = copy.deepcopy(self.net), copy.deepcopy(self.net)
        self.weights = FlatWeights(self.net)
        self.published_weights = FlatWeights(self.published)
        self.initial_values = self.weights.copy()
        """[N]"""
        loss = LOSSES[LOSSES.name_of(options.loss)].make(options.loss, LossContext(device))
        self.adapter = Adapter(self.net, self.weights, loss, options.adapt)
        self.random = Generator(device).manual_seed(options.seed)
        self.thumbnail: Tensor | None = None
        self.frames = 0
        """Frames that were learnt from since the initial weights."""
        self.steps = 0
        """Optimiser steps that were taken on them."""
        self.last: str | None = None
        """Digest of the frame before, in a state that was loaded; none: it is not known."""
        self.reserved: Reserved | None = None
        """Of the present scene; none: no frame of it was learnt from yet."""
        self.progress = Progress()
        self.remembered = Remembered(most=options.adapt.scenes)
        self.keeps_moments = options.adapt.carry_moments
        self.most_scenes = options.adapt.scenes
        self.scale = options.scale
        initial = [weight.detach() for weight in self.net.parameters()]
        # Weights that are drawn tell the seed themselves.
        seed = {} if weights is None else {"seed": options.seed}
        self.fingerprint = {
            "net": self.net_name,
            "net_options": asdict(net_options),
            "scale": options.scale,
            "base": self.net.base,
            "degradation": DEGRADATION,
            "initial_weights": digest_of(each.cpu().numpy() for each in initial),
            **seed,
        }
        """What a state must have in common with this to fit."""

    @property
    def networks(self) -> tuple[Net, Net, Net]:
        """All three."""
        return self.net, self.published, self.initial

    def start_afresh(self) -> None:
        """Go back to the initial weights, without moments."""
        self.weights.set(self.initial_values)
        self.adapter.forget()
        self.frames = self.steps = 0

    def publish(self, values: Tensor | None = None) -> None:
        """Upscale frames with these weights, [N], from now on; none: those that learnt."""
        self.published_weights.set(self.weights.values if values is None else values)

    def learnt(self, steps: int) -> None:
        """Count a frame whose steps are kept."""
        self.frames += 1
        self.steps += steps

    def snapshot(self) -> Snapshot:
        """Copy everything."""
        return Snapshot(
            weights=self.weights.copy(),
            published=self.published_weights.copy(),
            moments=self.adapter.snapshot(),
            random=self.random.get_state(),
            thumbnail=self.thumbnail,
            frames=self.frames,
            steps=self.steps,
            reserved=self.reserved,
            progress=self.progress,
            remembered=self.remembered,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Make everything as it was."""
        self.weights.set(snapshot.weights)
        self.publish(snapshot.published)
        self.adapter.restore(snapshot.moments)
        self.random.set_state(snapshot.random)
        self.thumbnail = snapshot.thumbnail
        self.frames, self.steps = snapshot.frames, snapshot.steps
        self.reserved = snapshot.reserved
        self.progress = snapshot.progress
        self.remembered = snapshot.remembered

    def is_finite(self) -> bool:
        """Tell whether no weight is NaN or infinite."""
        return bool(torch.isfinite(self.weights.values.detach()).all())

    def change_since(self, before: Tensor) -> float | None:
        """Return the L2 norm of the change since these weights, [N], over their norm."""
        return change(before, self.weights.values.detach())

    def stay_within(self, radius: float) -> None:
        """Draw weights that are farther from the initial ones back to this distance.

        Args:
            radius: as a share of the norm of the initial ones.
        """
        moved = self.weights.values.detach() - self.initial_values
        largest = radius * float(self.initial_values.norm())
        distance = float(moved.norm())
        if distance > largest:
            self.weights.set(self.initial_values + moved * (largest / distance))


def _net_options(options: SessionOptions, weights: Weights | None) -> Any:
    """Return the options of the network, those of the weights if there are any.

    Raises:
        ValueError: they do not fit together.
    """
    if weights is None:
        if options.weights is not None:
            raise ValueError(
                f"weights is {options.weights!r}, which only names them; "
                "pass them too: Session(options, weights=...)"
            )
        if options.net is None:
            raise ValueError("net is None; wanted: options of a network, or weights")
        return options.net
    if options.net not in (None, weights.options):
        raise ValueError(f"net is {options.net}; the weights are of {weights.options}")
    if options.scale != weights.scale:
        raise ValueError(f"scale is {options.scale}; the weights are for {weights.scale}")
    return weights.options


def _take_weights(net: Net, weights: Weights) -> None:
    """Copy the arrays into the network.

    Raises:
        StateError: they are not those of the network, by name or shape, or not finite.
    """
    parameters = dict(net.named_parameters())
    if surplus := weights.arrays.keys() - parameters.keys():
        raise StateError(f"{min(surplus)} is in no layer of {weights.net}")
    exact = {name: np.array(array, np.float32) for name, array in weights.arrays.items()}
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.from_numpy(array_of(exact, name, parameter.shape)))
