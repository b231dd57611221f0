"""Ways to enlarge that are held against each other: the same pixels in, the same out.

Every one takes 8-bit pictures and gives 8-bit pictures, and can be asked for two pieces of
work to be timed: a colour frame, and its luma alone, as a video has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from bench.flops import forward_flops
from bench.opencv import Published
from bench.units import finished
from srstream.engine import UpscaleOptions
from srstream.engine.luma import luma
from srstream.engine.nets import Net
from srstream.engine.tensors import to_pixels, to_tensors
from srstream.engine.upscale import Upscaler

Bytes = NDArray[np.uint8]


class Method(Protocol):
    """A way to enlarge."""

    @property
    def name(self) -> str:
        """The same for every precision of one network."""
        ...

    @property
    def precision(self) -> str:
        """Empty where there is nothing to choose."""
        ...

    def enlarge(self, pixels: Bytes) -> Bytes:
        """Enlarge [h, w, C], grey or RGB."""
        ...

    def colour_work(self, pixels: Bytes) -> Callable[[], object]:
        """Return the enlarging of [h, w, 3], to be timed."""
        ...

    def luma_work(self, pixels: Bytes) -> Callable[[], object] | None:
        """Return the enlarging of the luma of [h, w, 3]; none: it cannot do that alone."""
        ...

    def gflop(self, pixels: Bytes) -> float | None:
        """Count the convolutions' operations on the luma of [h, w, 3]; none: unknown."""
        ...


class OfTorch:
    """A network of the engine's protocol, with tiles as the engine makes them."""

    def __init__(self, name: str, net: Net, *, scale: int, precision: str) -> None:
        self.name = name
        self.precision = precision
        self._net = net
        # As sessions have theirs; in the other order a pass takes up to half as long again.
        net.to(memory_format=torch.channels_last)
        device = torch.device("cpu")
        self._upscaler = Upscaler(net, UpscaleOptions(), scale=scale, device=device)

    def enlarge(self, pixels: Bytes) -> Bytes:
        """As `Method` says."""
        # One network may stand behind two methods.
        self._net.precision = getattr(torch, self.precision)
        low, _ = to_tensors(pixels, torch.device("cpu"), colours=self._net.colours)
        high = finished(self._upscaler.enlarge(low))
        return cast("Bytes", to_pixels(high, None, like=pixels))

    def colour_work(self, pixels: Bytes) -> Callable[[], object]:
        """As `Method` says."""
        return partial(self.enlarge, pixels)

    def luma_work(self, pixels: Bytes) -> Callable[[], object] | None:
        """As `Method` says."""
        if self._net.colours != 1:
            return None
        return partial(self.enlarge, plane_of(pixels)[:, :, None])

    def gflop(self, pixels: Bytes) -> float | None:
        """As `Method` says."""
        channels = 1 if self._net.colours == 1 else 3
        return forward_flops(self._net, torch.zeros(1, channels, *pixels.shape[:2])) / 1e9


@dataclass(frozen=True, slots=True, eq=False)
class OfOpenCv:
    """A published file."""

    published: Published
    precision: str = ""

    @property
    def name(self) -> str:
        """As `Method` says."""
        return f"{self.published.name}, published"

    def enlarge(self, pixels: Bytes) -> Bytes:
        """As `Method` says."""
        return self.published.enlarge(pixels)

    def colour_work(self, pixels: Bytes) -> Callable[[], object]:
        """As `Method` says; to change the order of colours is no part of it."""
        return partial(self.published.run, np.ascontiguousarray(pixels[:, :, ::-1]))

    def luma_work(self, pixels: Bytes) -> Callable[[], object] | None:
        """As `Method` says."""
        return partial(self.published.run, plane_of(pixels))

    def gflop(self, pixels: Bytes) -> float | None:
        """As `Method` says."""
        del pixels
        return None


def plane_of(pixels: Bytes) -> Bytes:
    """Return the luma [h, w] of [h, w, 3], BT.601 in full range, rounded."""
    planes = torch.tensor(pixels).permute(2, 0, 1)[None].float()
    return cast("Bytes", luma(planes)[0, 0].round().to(torch.uint8).numpy())
