"""FSRCNN and ESPCN, rebuilt from their papers: what srstream's network is compared with.

Both enlarge the luma alone, in one pass at low resolution, and give the picture itself,
not what bicubic leaves out; what a colour picture has beside its luma is enlarged by
bicubic. `base = "bicubic"` makes them learn the difference, as ours does, and so tells
what of the distance is the architecture and what the base.

They follow the engine's protocol for networks, so that they are trained, enlarged with and
timed by the same code. `ours` is srstream's own network among them, to be trained as short
as they are.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from srstream.engine.luma import luma
from srstream.engine.nets import Net, NetContext
from srstream.engine.nets.lr_residual import LrResidualOptions, make_lr_residual
from srstream.engine.resample import enlarge
from srstream.engine.state import pack, unpack
from srstream.errors import StateError
from srstream.registry import Registry
from srstream.training.recipe import Recipe

OURS = "ours"
_TEACHES = {entry.name for entry in fields(Recipe)} - {
    "aside",
    "measurements",
    "save_every",
}
"""What of a recipe decides what is learnt, beside which pictures are learnt from."""
_KIND = "peer"
_DECONVOLVED = 9
"""Side of FSRCNN's last kernel."""
_SLOPE = 0.25
"""Of a PReLU at birth (He et al. 2015)."""
_SMALL = 0.001
"""Standard deviation of FSRCNN's deconvolution at birth, as its paper has it."""


@dataclass(frozen=True, slots=True)
class FsrcnnOptions:
    """FSRCNN(d, s, m) of Dong, Loy and Tang, ECCV 2016 (arXiv:1608.00367)."""

    details: int = 56
    """Feature maps of the first layer and the last: d."""
    shrunk: int = 12
    """Feature maps of the mapping in between: s."""
    mappings: int = 4
    """Convolutions of the mapping: m."""
    base: Literal["none", "bicubic"] = "none"
    """What the output is added to; none: as published."""


@dataclass(frozen=True, slots=True)
class EspcnOptions:
    """ESPCN of Shi et al., CVPR 2016 (arXiv:1609.05158)."""

    first: int = 64
    """Feature maps of the 5x5 convolution."""
    second: int = 32
    """Feature maps of the 3x3 convolution after it."""
    base: Literal["none", "bicubic"] = "none"
    """What the output is added to; none: as published."""


class _Prelu(nn.Module):
    """Another slope for every map. In float32: torch's is ten times slower in bfloat16."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((maps,), _SLOPE))

    def forward(self, features: Tensor) -> Tensor:
        return F.prelu(features.float(), self.weight.float()).to(features.dtype)


class _Deconvolution(nn.Module):
    """A transposed convolution of 9x9 to one map, with a stride of the scale.

    Computed as a convolution at low resolution to scale^2 maps and a pixel shuffle: the
    same numbers, in a third of the time that torch's own takes on a CPU.
    """

    taps: Tensor

    def __init__(self, maps: int, scale: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(maps, 1, _DECONVOLVED, _DECONVOLVED))
        self.bias = nn.Parameter(torch.zeros(1))
        self._scale = scale
        reach = self.reach(scale)
        # [s, 2 reach + 1]: the tap by which an output pixel of a phase sees each input
        # pixel around its own; one beyond the last where it does not see it.
        phase = torch.arange(scale)[:, None]
        taps = phase + _DECONVOLVED // 2 - scale * torch.arange(-reach, reach + 1)
        taps[(taps < 0) | (taps >= _DECONVOLVED)] = _DECONVOLVED
        self.register_buffer("taps", taps, persistent=False)

    @staticmethod
    def reach(scale: int) -> int:
        """Return how far, in low-resolution pixels, an output pixel sees."""
        return (scale - 1 + _DECONVOLVED // 2) // scale

    def forward(self, features: Tensor) -> Tensor:
        padded = F.pad(self.weight, (0, 1, 0, 1))[:, 0]
        phases, taps = self.taps.shape
        kernel = padded[:, self.taps.flatten()][:, :, self.taps.flatten()]
        kernel = kernel.view(-1, phases, taps, phases, taps).permute(1, 3, 0, 2, 4)
        kernel = kernel.reshape(phases**2, -1, taps, taps)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        bias = self.bias.expand(phases**2)
        found = F.conv2d(features, kernel, bias, padding=taps // 2)
        return F.pixel_shuffle(found, self._scale)


class _OfLuma(nn.Module):
    """A network of luma, taken to colour by bicubic."""

    colours: int
    reach: int
    maps: float
    base: str
    is_noisy: bool
    precision: torch.dtype

    def __init__(self, body: nn.Sequential, context: NetContext, *, base: str) -> None:
        super().__init__()
        self.body = body
        self.colours = 1
        self.base = base
        self.is_noisy = False
        self.precision = torch.float32
        self._scale = context.scale
        self._draw(context.generator)

    def forward(self, low: Tensor, noise: Generator | None = None) -> Tensor:
        """Enlarge [B, C, h, w] in [0, 1]; C is 1 or 3.

        `noise` is of no use here: nothing is random in training.
        """
        del noise
        grey = low if low.shape[1] == 1 else luma(low)
        weights = {
            name: weight.to(self.precision) for name, weight in self.body.named_parameters()
        }
        found: Tensor = functional_call(
            self.body, weights, (grey.to(self.precision),)
        ).float()
        if self.base == "bicubic":
            return enlarge(low, self._scale) + found
        if low.shape[1] == 1:
            return found
        # The same added to red, green and blue changes the luma alone.
        return enlarge(low, self._scale) + (found - enlarge(grey, self._scale))

    @abstractmethod
    def _draw(self, generator: Generator) -> None: ...


class Fsrcnn(_OfLuma):
    """Shrink the features, map them, expand them, and enlarge in the last layer."""

    def __init__(self, options: FsrcnnOptions, context: NetContext) -> None:
        wide, narrow, scale = options.details, options.shrunk, context.scale
        layers = [_conv(1, wide, 5), _Prelu(wide), _conv(wide, narrow, 1), _Prelu(narrow)]
        for _ in range(options.mappings):
            layers += [_conv(narrow, narrow, 3), _Prelu(narrow)]
        layers += [_conv(narrow, wide, 1), _Prelu(wide), _Deconvolution(wide, scale)]
        super().__init__(nn.Sequential(*layers), context, base=options.base)
        self.reach = 2 + options.mappings + _Deconvolution.reach(scale)
        self.maps = wide / scale**2

    def _draw(self, generator: Generator) -> None:
        *hidden, last = (m for m in self.body if not isinstance(m, _Prelu))
        for layer in hidden:
            _fill(layer, generator, gain=nn.init.calculate_gain("leaky_relu", _SLOPE))
        _fill(last, generator, deviation=0.0 if self.base == "bicubic" else _SMALL)


class Espcn(_OfLuma):
    """Three convolutions, and pixels out of channels."""

    def __init__(self, options: EspcnOptions, context: NetContext) -> None:
        scale = context.scale
        body = nn.Sequential(
            _conv(1, options.first, 5),
            nn.Tanh(),
            _conv(options.first, options.second, 3),
            nn.Tanh(),
            _conv(options.second, scale**2, 3),
            nn.PixelShuffle(scale),
        )
        super().__init__(body, context, base=options.base)
        self.reach = 4
        self.maps = options.first / scale**2

    def _draw(self, generator: Generator) -> None:
        *hidden, last = (m for m in self.body if isinstance(m, nn.Conv2d))
        for layer in hidden:
            _fill(layer, generator, gain=nn.init.calculate_gain("tanh"))
        if self.base == "bicubic":
            _fill(last, generator, deviation=0.0)
        else:
            _fill(last, generator, gain=1.0)


def make_fsrcnn(options: FsrcnnOptions, context: NetContext) -> Net:
    """Build FSRCNN."""
    return Fsrcnn(options, context)


def make_espcn(options: EspcnOptions, context: NetContext) -> Net:
    """Build ESPCN."""
    return Espcn(options, context)


PEERS: Registry[Net, NetContext] = Registry("peer")
PEERS.add("fsrcnn", FsrcnnOptions, make_fsrcnn)
PEERS.add("espcn", EspcnOptions, make_espcn)
PEERS.add(OURS, LrResidualOptions, make_lr_residual)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """One of them with trained weights."""

    name: str
    options: Any
    scale: int
    net: Net
    about: Mapping[str, Any]
    """How it was trained."""


def file_of(folder: Path, name: str, scale: int) -> Path:
    """Return where the weights of a peer stand."""
    return folder / f"{name}-x{scale}.safetensors"


def training_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides what a network learns, of what weights tell about themselves.

    It is the same for networks that were trained alike.
    """
    recipe = {
        f"recipe.{key}": list(value) if isinstance(value, tuple) else value
        for key, value in about.get("recipe", {}).items()
        if key in _TEACHES
    }
    pictures = about.get("data", {}).get("sha256")
    return {**recipe, "pictures": pictures, "from": about.get("from")}


def make(name: str, options: Any, *, scale: int, seed: int = 0) -> Net:
    """Build one with initial weights."""
    generator = Generator().manual_seed(seed)
    return PEERS[name].make(options, NetContext(3, scale, generator))


def packed(trained: Trained) -> bytes:
    """Return the weights of one as safetensors with a checksum."""
    arrays = {
        k: weight.detach().cpu().numpy() for k, weight in trained.net.named_parameters()
    }
    head = {
        "kind": _KIND,
        "net": trained.name,
        "net_options": asdict(trained.options),
        "scale": trained.scale,
        "about": dict(trained.about),
    }
    return pack(arrays, head)


def load(path: Path) -> Trained:
    """Read what `packed` returned.

    Raises:
        ValueError: it is no such file, or not of these networks.
    """
    try:
        arrays, head = unpack(path.read_bytes())
        if head.get("kind") != _KIND or head.get("net") not in PEERS:
            raise ValueError(f"{path}: of {head.get('net')}, not of a peer")
        name, scale = head["net"], head["scale"]
        options = PEERS[name].options(**head["net_options"])
        net = make(name, options, scale=scale)
        with torch.no_grad():
            for key, weight in net.named_parameters():
                weight.copy_(torch.from_numpy(arrays[key]))
    except (StateError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path}: no weights of a peer: {error}") from error
    return Trained(name, options, scale, net, head["about"])


def _conv(inputs: int, outputs: int, side: int) -> Any:
    """Return a convolution whose weights are not drawn yet."""
    # `skip_init`: the default initialisation would draw from the global generator.
    return nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d, inputs, outputs, side, padding=side // 2
    )


def _fill(
    layer: Any, generator: Generator, *, gain: float = 1.0, deviation: float | None = None
) -> None:
    """Draw the weights from a normal distribution; the bias is zero.

    Args:
        layer: a convolution.
        generator: draws them.
        gain: of the layer's activation, for a deviation after He et al. 2015.
        deviation: taken instead.
    """
    if deviation is None:
        deviation = gain / math.sqrt(layer.weight[0].numel())
    with torch.no_grad():
        layer.bias.zero_()
        layer.weight.normal_(0.0, deviation, generator=generator)
