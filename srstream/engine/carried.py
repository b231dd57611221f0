"""What is carried from frame to frame: weights, moments, counters, random state, thumbnail.

They are saved, restored, dumped and loaded together, so that a roll-back and a resumed
session leave nothing behind and miss nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from srstream.engine import scene
from srstream.engine.adapt import Adapter
from srstream.engine.device import is_lost
from srstream.engine.losses import LOSSES, LossContext
from srstream.engine.nets import NETS, Net, NetContext
from srstream.engine.options import SessionOptions
from srstream.engine.state import array_of, check_fits, digest_of, pack, unpack
from srstream.engine.weights import Weights
from srstream.errors import StateError

CHANNELS = 3
THUMBNAIL_SHAPE = (CHANNELS, scene.THUMBNAIL, scene.THUMBNAIL)
DEGRADATION = "bicubic"
"""How a frame is shrunk to learn from: K of `resample`."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of all that is carried."""

    weights: list[Tensor]
    moments: dict[str, Any]
    random: Tensor
    thumbnail: Tensor | None
    frames: int
    steps: int


class Carried:
    """The network, its optimiser, the random generator and the last frame's thumbnail."""

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
        loss = LOSSES[LOSSES.name_of(options.loss)].make(options.loss, LossContext(device))
        self.adapter = Adapter(self.net, loss, options.adapt)
        self.random = Generator(device).manual_seed(options.seed)
        self.thumbnail: Tensor | None = None
        self.frames = 0
        """Frames that were learnt from since the initial weights."""
        self.steps = 0
        """Optimiser steps that were taken on them."""
        self._keeps_moments = options.adapt.carry_moments
        self._initial = self._weights()
        # Weights that are drawn tell the seed themselves.
        seed = {} if weights is None else {"seed": options.seed}
        self._fingerprint = {
            "net": self.net_name,
            "net_options": asdict(net_options),
            "scale": options.scale,
            "base": self.net.base,
            "degradation": DEGRADATION,
            "initial_weights": digest_of(each.cpu().numpy() for each in self._initial),
            **seed,
        }

    def start_afresh(self) -> None:
        """Go back to the initial weights, without moments."""
        self._set_weights(self._initial)
        self.adapter.forget()
        self.frames = self.steps = 0

    def learnt(self, steps: int) -> None:
        """Count a frame whose steps are kept."""
        self.frames += 1
        self.steps += steps

    def snapshot(self) -> Snapshot:
        """Copy everything."""
        return Snapshot(
            weights=self._weights(),
            moments=_copied(self.adapter.optimiser.state_dict()),
            random=self.random.get_state(),
            thumbnail=self.thumbnail,
            frames=self.frames,
            steps=self.steps,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Make everything as it was."""
        self._set_weights(snapshot.weights)
        self.adapter.forget()
        self.adapter.optimiser.load_state_dict(_copied(snapshot.moments))
        self.random.set_state(snapshot.random)
        self.thumbnail = snapshot.thumbnail
        self.frames, self.steps = snapshot.frames, snapshot.steps

    def is_finite(self) -> bool:
        """Tell whether no weight is NaN or infinite."""
        return bool(torch.isfinite(_joined(self._weights())).all())

    def change_since(self, snapshot: Snapshot) -> float | None:
        """Return the L2 norm of the weights' change over their norm in the snapshot."""
        before = _joined(snapshot.weights)
        norm = float(before.norm())
        return float((_joined(self._weights()) - before).norm()) / norm if norm else None

    def dump(self) -> bytes:
        """Return everything as bytes."""
        arrays = {self._random_name: self.random.get_state().numpy()}
        for name, weight in self.net.named_parameters():
            arrays[f"weight/{name}"] = weight.detach().cpu().numpy()
            for key, moment in self.adapter.optimiser.state.get(weight, {}).items():
                arrays[f"moment/{name}/{key}"] = moment.cpu().numpy()
        if self.thumbnail is not None:
            arrays["thumbnail"] = self.thumbnail.numpy()
        counters = {"frames": self.frames, "steps": self.steps}
        return pack(arrays, {**self._fingerprint, **counters})

    def load(self, blob: bytes) -> None:
        """Take over what `dump` returned.

        Random numbers of another kind of device cannot be continued; then this session
        goes on with its own.

        Raises:
            StateError: of another network, scale or seed, or damaged; nothing changed.
        """
        arrays, head = unpack(blob)
        check_fits(head, self._fingerprint)
        frames, steps = _count(head, "frames"), _count(head, "steps")
        weights: list[Tensor] = []
        moments: dict[Tensor, dict[str, Tensor]] = {}
        for name, weight in self.net.named_parameters():
            weights.append(_tensor(arrays, f"weight/{name}", weight.shape))
            if self._keeps_moments and f"moment/{name}/step" in arrays:
                moments[weight] = _moments(arrays, f"moment/{name}", weight)
        thumbnail = None
        if "thumbnail" in arrays:
            thumbnail = _tensor(arrays, "thumbnail", THUMBNAIL_SHAPE)
        random = self._random_state(arrays)
        self.random.set_state(random)
        self.thumbnail = thumbnail
        self.frames, self.steps = frames, steps
        self._set_weights(weights)
        self.adapter.forget()
        self.adapter.optimiser.state.update(moments)

    @property
    def _random_name(self) -> str:
        return f"random/{self.random.device.type}"

    def _random_state(self, arrays: dict[str, NDArray[Any]]) -> Tensor:
        """Return the state for the generator, tried on another one first."""
        if self._random_name not in arrays and any(
            name.startswith("random/") for name in arrays
        ):
            return self.random.get_state()
        try:
            state = torch.from_numpy(arrays[self._random_name])
            Generator(self.random.device).set_state(state)
        except (KeyError, RuntimeError, TypeError) as exc:
            if isinstance(exc, RuntimeError) and is_lost(exc):
                raise
            raise StateError(f"the random state does not fit: {exc}") from exc
        return state

    def _weights(self) -> list[Tensor]:
        return [weight.detach().clone() for weight in self.net.parameters()]

    def _set_weights(self, weights: list[Tensor]) -> None:
        with torch.no_grad():
            for weight, value in zip(self.net.parameters(), weights, strict=True):
                weight.copy_(value)


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
            parameter.copy_(_tensor(exact, name, parameter.shape))


def _joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _tensor(
    arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]
) -> Tensor:
    return torch.from_numpy(array_of(arrays, name, shape))


def _moments(
    arrays: dict[str, NDArray[Any]], name: str, weight: Tensor
) -> dict[str, Tensor]:
    """Return Adam's moments of a weight, in its layout: the fused step reads them so."""
    moments = {
        key: torch.empty_like(weight, requires_grad=False).copy_(
            _tensor(arrays, f"{name}/{key}", weight.shape)
        )
        for key in ("exp_avg", "exp_avg_sq")
    }
    return {**moments, "step": _tensor(arrays, f"{name}/step", ()).to(weight.device)}


def _count(head: dict[str, Any], key: str) -> int:
    value = head.get(key)
    if type(value) is not int or value < 0:
        raise StateError(f"{key} is {value!r}; wanted: a whole number from 0")
    return value


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """Copy an optimiser's state_dict deeply enough to survive the next step."""
    moments = {
        index: {key: value.clone() for key, value in entries.items()}
        for index, entries in state["state"].items()
    }
    groups = [dict(group) for group in state["param_groups"]]
    return {"state": moments, "param_groups": groups}
