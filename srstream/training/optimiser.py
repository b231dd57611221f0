"""Muon for the kernels between the first and the last layer, Adam for the rest.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) takes for the step of
a matrix the orthogonal matrix nearest to its momentum; a kernel is a matrix [out, in*k*k].
`torch.optim.Muon` takes one matrix after the other, and rounds to bfloat16; here kernels of
one shape go through in one batched product, which makes it a small part of a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Parameter

from srstream.engine.state import array_of

MOMENTUM = 0.95
_ITERATIONS = 5
_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of the Newton-Schulz iteration: its slope at zero is as large as it can be, and all
singular values end near one."""
_SMALL = 1e-7
_RMS = 0.2
"""The root mean square of Adam's steps over the rate, about (Liu et al. 2025,
arXiv:2502.16982): so one rate suits both."""
_LEAST_INPUTS = 4
"""Kernels over fewer channels see the picture, or one map each: not mixtures of maps."""


class Muon:
    """Of kernels [out, in, k, k], with Nesterov's momentum."""

    def __init__(self, kernels: Mapping[str, Parameter]) -> None:
        shapes: dict[torch.Size, list[str]] = {}
        for name, kernel in kernels.items():
            shapes.setdefault(kernel.shape, []).append(name)
        self._groups = [
            _Alike(names, [kernels[name] for name in names]) for names in shapes.values()
        ]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Change the kernels by their gradients."""
        for group in self._groups:
            group.step(rate)

    def moments(self) -> dict[str, Tensor]:
        """Return the momentum of each kernel as [out, in*k*k], to be read or written."""
        return {
            name: moment
            for group in self._groups
            for name, moment in zip(group.names, group.moments, strict=True)
        }


class _Alike:
    """Kernels of one shape."""

    def __init__(self, names: list[str], kernels: list[Parameter]) -> None:
        self.names = names
        self._kernels: list[Tensor] = list(kernels)
        first = kernels[0]
        self.moments = first.new_zeros(len(names), first.shape[0], first[0].numel())

    def step(self, rate: float) -> None:
        gradients = torch.stack([_gradient(kernel).flatten(1) for kernel in self._kernels])
        self.moments.lerp_(gradients, 1 - MOMENTUM)
        steps = orthogonalise(gradients.lerp_(self.moments, MOMENTUM))
        size: float = _RMS * max(steps.shape[1:]) ** 0.5
        torch._foreach_add_(
            self._kernels,
            [
                step.view_as(kernel)
                for step, kernel in zip(steps, self._kernels, strict=True)
            ],
            alpha=-rate * size,
        )


def orthogonalise(matrices: Tensor) -> Tensor:
    """[N, rows, columns] -> the same with nearly orthogonal rows, or columns if fewer.

    Singular vectors stay; singular values come to lie between about 0.7 and 1.2.
    """
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.mT
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + _SMALL)
    a, b, c = _QUINTIC
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.mT


class Optimiser:
    """Both, with their learning rates."""

    def __init__(
        self, parameters: Iterable[tuple[str, Parameter]], *, rate: float, muon_rate: float
    ) -> None:
        """Take a network's named parameters, in the order of its layers."""
        named = dict(parameters)
        kernels = [name for name, each in named.items() if each.dim() == 4]
        inner = {
            name: named[name]
            for name in kernels[1:-1]
            if muon_rate and named[name].shape[1] >= _LEAST_INPUTS
        }
        self._rest = {name: each for name, each in named.items() if name not in inner}
        self._muon = Muon(inner)
        self._adam = torch.optim.Adam(self._rest.values(), lr=rate, fused=True)
        self._rate, self._muon_rate = rate, muon_rate

    def step(self, share: float) -> None:
        """Change the parameters by their gradients, with this share of the rates."""
        for group in self._adam.param_groups:
            group["lr"] = self._rate * share
        self._adam.step()
        self._muon.step(self._muon_rate * share)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all moments."""
        found = {f"muon/{name}": each for name, each in self._muon.moments().items()}
        for name, parameter in self._rest.items():
            for key, moment in self._adam.state.get(parameter, {}).items():
                found[f"adam/{name}/{key}"] = moment
        # `copy=True`: a tensor of the CPU would go on changing.
        return {name: each.to("cpu", copy=True).numpy() for name, each in found.items()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `arrays` returned. Raises `StateError`."""
        for name, moment in self._muon.moments().items():
            moment.copy_(torch.from_numpy(array_of(arrays, f"muon/{name}", moment.shape)))
        self._adam.state.clear()
        for name, parameter in self._rest.items():
            if f"adam/{name}/step" not in arrays:
                continue  # it had no gradient yet
            place = f"adam/{name}"
            # In the layout of the parameter: the fused step reads them so.
            self._adam.state[parameter] = {
                key: torch.zeros_like(parameter, requires_grad=False).copy_(
                    torch.from_numpy(array_of(arrays, f"{place}/{key}", parameter.shape))
                )
                for key in ("exp_avg", "exp_avg_sq")
            }
            step = torch.from_numpy(array_of(arrays, f"{place}/step", ()))
            self._adam.state[parameter]["step"] = step.to(parameter.device, copy=True)


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
