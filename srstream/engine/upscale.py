"""Enlarge a frame with a network: tiles, the eight symmetries, back-projection."""

from __future__ import annotations

import math
from collections.abc import Generator as Work
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from srstream.engine.device import is_out_of_memory
from srstream.engine.graphs import Graphs, graphs_on
from srstream.engine.nets import Net
from srstream.engine.options import UpscaleOptions
from srstream.engine.resample import enlarge, shrink
from srstream.errors import ResourceError

LAYER_BYTES = {"cpu": 32 * 2**20 - 4096, "cuda": 256 * 2**20}
"""What the widest layer of one tile may take, and its output; decides the tile if none is
given. On a CPU the largest that glibc keeps when it is freed: what is larger goes back to
the system after every layer and is faulted in again, zeroed, which takes as long as the
layer."""
MULTIPLICATIONS = {"cpu": 1e10, "cuda": 1e12}
"""What one tile may take, about, since other streams wait for it: 50 to 100 ms on two
cores, less on a GPU."""
FEWEST_REACHES = 20
"""But a tile's side, margins included, may be as many times the network's reach: the
margins, which are computed twice, are then a fifth of its area."""
MERGED_ROWS = 64
SMALLEST_TILE = 64


class Upscaler:
    """Enlarges frames; remembers the tile that fitted."""

    def __init__(
        self,
        net: Net,
        options: UpscaleOptions,
        *,
        scale: int,
        device: torch.device,
        graphs: Graphs | None = None,
    ) -> None:
        """Prepare.

        Args:
            net: its weights stay where they are, whatever their values.
            options: tile, ensemble, back-projection.
            scale: 2, 3 or 4.
            device: where the network is.
            graphs: to record the network with; none: those of the device.
        """
        self._net = net
        self._options = options
        self._scale = scale
        self._layer_bytes = LAYER_BYTES[device.type]
        self._multiplications = MULTIPLICATIONS[device.type]
        self._tile = options.tile
        self._graphs = graphs_on(device) if graphs is None else graphs

    @property
    def graphs(self) -> Graphs | None:
        """The recorded passes; none: they are run as they are."""
        return self._graphs

    def enlarge(self, low: Tensor) -> Work[None, None, Tensor]:
        """Do the work in units of about a tile: [1, C, h, w] -> [1, C, s*h, s*w] float32.

        Raises:
            ResourceError: even the smallest tile does not fit the device's memory.
        """
        options = self._options
        if options.ensemble:
            high = yield from self._ensemble(low)
        else:
            high = yield from self._tiles(low)
        return (yield from back_project(high, low, options.back_projection))

    def _ensemble(self, low: Tensor) -> Work[None, None, Tensor]:
        """Merge the enlargements of the eight symmetries."""
        options = self._options
        members = []
        for symmetry in range(8):
            turned = apply_symmetry(low, symmetry)
            member = yield from self._tiles(turned)
            member = yield from back_project(member, turned, options.member_back_projection)
            members.append(undo_symmetry(member, symmetry))
        merged = torch.empty_like(members[0])
        for top in range(0, merged.shape[-2], MERGED_ROWS):
            yield
            rows = (..., slice(top, top + MERGED_ROWS), slice(None))
            strip = torch.stack([member[rows] for member in members])
            merged[rows] = (
                _median_of_eight(strip) if options.merge == "median" else strip.mean(0)
            )
        return merged

    def _tiles(self, low: Tensor) -> Work[None, None, Tensor]:
        while True:
            tile = self._tile or self._fitting(low)
            try:
                return (yield from self._tiles_of(low, max(tile // self._scale, 1)))
            except RuntimeError as exc:
                if not is_out_of_memory(exc):
                    raise
                if tile <= SMALLEST_TILE:
                    raise ResourceError(
                        f"the device has no memory for a tile of {tile} pixels"
                    ) from exc
                self._tile = max(tile // 2, SMALLEST_TILE)
                if self._graphs is not None:
                    self._graphs.forget()  # they hold memory

    def _fitting(self, low: Tensor) -> int:
        """Return the side of the largest tile, in output pixels: all of it if it fits."""
        channels, height, width = low.shape[-3:]
        # The base, and the sum with the residual, are float32.
        widest = max(self._net.precision.itemsize * self._net.maps, 4 * channels)
        fitting = self._layer_bytes / (widest * self._scale**2)
        quick = self._multiplications / self._multiplications_each()
        least = (FEWEST_REACHES * self._net.reach) ** 2
        pixels = int(min(fitting, max(quick, least)))
        if height * width <= pixels:
            return max(height, width) * self._scale
        side = (math.isqrt(pixels) - 2 * self._net.reach) * self._scale
        return max(side, SMALLEST_TILE)

    def _multiplications_each(self) -> float:
        """Return how often the network multiplies for a low-resolution pixel, about.

        Its convolutions use every weight once per pixel of theirs: those pixels lie where
        the widest layer has as many maps as `maps` says.
        """
        weights = list(self._net.parameters())
        most_maps = max(len(weight) for weight in weights)
        pixels = self._net.maps * self._scale**2 / most_maps
        return pixels * sum(weight.numel() for weight in weights)

    def _tiles_of(self, low: Tensor, side: int) -> Work[None, None, Tensor]:
        """Enlarge tile by tile, each with as much around it as the network sees."""
        scale, margin = self._scale, self._net.reach
        height, width = low.shape[-2:]
        if max(height, width) <= side + 2 * margin:
            yield
            whole = self._forward(low)
            return whole if self._graphs is None else whole.clone()
        whole = low.new_empty(1, low.shape[1], height * scale, width * scale)
        alike = self._graphs is not None
        for rows in _tiles_along(height, side, margin, alike=alike):
            for columns in _tiles_along(width, side, margin, alike=alike):
                yield
                tile = low[..., rows.read, columns.read]
                whole[..., rows.made(scale), columns.made(scale)] = self._forward(tile)[
                    ..., rows.kept(scale), columns.kept(scale)
                ]
        return whole

    def _forward(self, low: Tensor) -> Tensor:
        """Run the network; of a graph the result is valid until the next time."""
        with torch.inference_mode():
            if self._graphs is None:
                return self._net(low)
            return self._graphs.run(("forward", self._net.precision), self._net, low)


class _Along(NamedTuple):
    """A tile, along one side of the picture."""

    first: int
    """The pixels that it is to make larger: the first, and behind the last."""
    end: int
    read: slice
    """Those that it is made of."""

    def made(self, scale: int) -> slice:
        """Where it belongs in the enlargement."""
        return slice(self.first * scale, self.end * scale)

    def kept(self, scale: int) -> slice:
        """Where that is in what the network gives."""
        before = self.read.start
        return slice((self.first - before) * scale, (self.end - before) * scale)


def _tiles_along(length: int, side: int, margin: int, *, alike: bool) -> Iterator[_Along]:
    """Yield the tiles along a side of the picture.

    Args:
        length: of the side, in pixels as all here.
        side: of a tile.
        margin: of pixels around it that it is made of as well, where there are any.
        alike: all read as many pixels: those at the ends more of what lies inside of
            them. One graph is then enough for all.
    """
    most = min(side + 2 * margin, length)
    for first in range(0, length, side):
        end = min(first + side, length)
        if alike:
            begin = min(max(first - margin, 0), length - most)
            yield _Along(first, end, slice(begin, begin + most))
        else:
            begin = max(first - margin, 0)
            yield _Along(first, end, slice(begin, min(first + side + margin, length)))


def apply_symmetry(picture: Tensor, symmetry: int) -> Tensor:
    """Turn [..., H, W]: bit 0 transposes, then bits 1 and 2 mirror rows and columns."""
    if symmetry & 1:
        picture = picture.transpose(-2, -1)
    return _mirror(picture, symmetry)


def undo_symmetry(picture: Tensor, symmetry: int) -> Tensor:
    """Undo `apply_symmetry`."""
    picture = _mirror(picture, symmetry)
    return picture.transpose(-2, -1) if symmetry & 1 else picture


def _mirror(picture: Tensor, symmetry: int) -> Tensor:
    mirrored = [axis for bit, axis in ((2, -2), (4, -1)) if symmetry & bit]
    return picture.flip(mirrored) if mirrored else picture


def back_project(high: Tensor, low: Tensor, times: int) -> Work[None, None, Tensor]:
    """Add back, enlarged, what `high` [1, C, s*h, s*w] lacks of `low` when shrunk.

    Irani and Peleg, "Improving resolution by image registration", 1991; in the published
    code of paper 1, not in its text. Harmful unless K is how the frame was really made.
    """
    scale = high.shape[-1] // low.shape[-1]
    for _ in range(times):
        yield
        high = high + enlarge(low - shrink(high, scale), scale)
    return high


def _median_of_eight(strip: Tensor) -> Tensor:
    """Return the mean of the two middle ones, as numpy has it; torch takes the lower."""
    return strip.sort(dim=0).values[3:5].mean(dim=0)
