"""Pixels of a scene that are never learnt from: they judge what was learnt.

Small square tiles are reserved when a scene begins: of some random places those with the
most texture, since sky and walls look the same however they are enlarged. They stay where
they are until the next cut, else a camera that stands still would be examined on what it
was taught a frame before. Training crops may lie over them, but the loss leaves out their
pixels and a guard band around them (`Reserved.trainable`). The judge upscales windows
around the tiles from K(window) and compares the tiles alone.

Such pairs live one octave below the real task, and can be misleading about it: see
docs/decisions/0016. What can be seen at the true scale without the truth is whether an
enlargement, shrunk again, gives the frame back; nothing is trained on that, and so it can
be asked in the exam.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from srstream.engine.letterbox import Box
from srstream.engine.resample import enlarge, shrink

LARGEST_TILE = 32
MOST_TILES = 64
CANDIDATES = 4
"""Places that are drawn for each tile that is kept."""
GUARD = 8
"""Pixels around a tile that are not learnt from either: what lies so near looks alike. Half
a tile where that is less: of small frames nothing would be left."""
SEEN_AGAIN = 14
"""Side, in pixels of the frame, of what of a tile is enlarged and shrunk again."""
MARGIN_OF_K = 3
"""Pixels of the frame that K sees beyond its own, and one more."""

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Reserved:
    """The tiles of a scene."""

    box: Box
    """They lie in it; what lies outside is not learnt from either."""
    size: tuple[int, int]
    """Height and width of the scene's frames."""
    side: int
    """Of a tile."""
    corners: Tensor
    """[2, n] int64: first row and first column of each, within the box."""
    _masks: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    @property
    def guard(self) -> int:
        """Width of the band around each tile that is not learnt from either."""
        return min(GUARD, self.side // 2)

    def trainable(self, height: int, width: int) -> Tensor:
        """Return [height, width]: 1 where the box, made so small, may be learnt from.

        A smaller picture is 0 wherever `resize` makes a pixel of what is reserved too.
        Computed once per size.
        """
        mask = self._masks.get((height, width))
        if mask is None:
            mask = self._masks[height, width] = left_of(self._held(), height, width)
        return mask

    def _held(self) -> Tensor:
        held = torch.zeros(self.box.height, self.box.width, device=self.corners.device)
        guard = self.guard
        span = torch.arange(-guard, self.side + guard, device=held.device)
        rows = (self.corners[0, :, None, None] + span[:, None]).clamp(0, len(held) - 1)
        columns = (self.corners[1, :, None, None] + span).clamp(0, held.shape[1] - 1)
        held[rows, columns] = 1.0
        return held


def reserve(
    frame: Tensor, box: Box, *, share: float, scale: int, generator: Generator
) -> Reserved:
    """Choose the tiles of the scene that begins with this frame.

    Args:
        frame: [1, C, H, W] in [0, 1].
        box: what of it is picture.
        share: of the box's pixels, above 0; less on large frames.
        scale: 2, 3 or 4.
        generator: on the frame's device.
    """
    picture = box.of(frame)
    height, width = box.height, box.width
    pixels = max(int(share * height * width), 1)
    side = min(LARGEST_TILE, math.isqrt(pixels // 4), height, width)
    side = side // scale * scale or scale
    count = min(max(pixels // side**2, 1), MOST_TILES)
    draws = torch.rand(2, CANDIDATES * count, generator=generator, device=frame.device)
    # On the grid of K, so that tile and window are shrunk alike.
    top = (draws[0] * ((height - side) // scale + 1)).long() * scale
    left = (draws[1] * ((width - side) // scale + 1)).long() * scale
    inside = torch.arange(side, device=frame.device)
    rows, columns = top[:, None, None] + inside[:, None], left[:, None, None] + inside
    texture = picture[0].mean(dim=0)[rows, columns].flatten(1).var(dim=1)
    chosen = texture.topk(count).indices
    corners = torch.stack([top[chosen], left[chosen]])
    return Reserved(box, (frame.shape[-2], frame.shape[-1]), side, corners)


def left_of(held: Tensor, height: int, width: int) -> Tensor:
    """Return 1 - `held` [H, W], shrunk to [height, width]: 0 at all it may tell of.

    Antialiased bilinear weighs nothing below zero, but sees one pixel of the smaller
    picture to either side, and bicubic two: hence the neighbours.
    """
    if held.shape == (height, width):
        return 1.0 - held
    seen = F.interpolate(
        held[None, None], size=(height, width), mode="bilinear", antialias=True
    )
    return (F.max_pool2d(seen, 3, stride=1, padding=1)[0, 0] == 0.0).to(held.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """How a network did in the exam on one frame."""

    errors: Tensor
    """[m]: mean squared error of each crop, one octave below the real task."""
    below: Tensor
    """What of those errors survives K: flat."""
    beyond: Tensor
    """What the enlargement of the frame itself, shrunk by K, differs from it by: flat."""

    @property
    def psnr(self) -> float:
        """DB on the crops; infinite if there is no error, NaN if it is not finite."""
        return _psnr(self.errors)


class HeldOut:
    """The exam: the reserved tiles of one frame."""

    def __init__(
        self, frame: Tensor, reserved: Reserved, *, scale: int, reach: int
    ) -> None:
        """Cut the tiles out.

        Args:
            frame: [1, C, H, W] in [0, 1], of the size that was reserved on.
            reserved: the tiles of its scene.
            scale: 2, 3 or 4.
            reach: what a network sees around a pixel, in low-resolution pixels.
        """
        picture = reserved.box.of(frame)[0]
        height, width = picture.shape[-2:]
        side, (top, left) = reserved.side, reserved.corners
        self._picture, self._side, self._scale = picture, side, scale
        self._top, self._left, self._reach = top, left, reach
        window = min(side + 2 * reach * scale, height, width) // scale * scale
        half = (window - side) // 2 // scale * scale
        first_row = _on_grid((top - half).clamp(0, height - window), scale)
        first_column = _on_grid((left - half).clamp(0, width - window), scale)
        self._high = _cut(picture, first_row, first_column, window)
        self._low = shrink(self._high, scale)
        self._rows, self._columns = top - first_row, left - first_column

    def psnr(self, net: Network) -> float:
        """Return the dB of a network on the tiles; infinite if equal, NaN if not finite."""
        with torch.inference_mode():
            return _psnr(self._tiles(self._wrong(net(self._low))).square())

    def psnr_of_bicubic(self) -> float:
        """Return the dB of bicubic on the tiles."""
        wrong = self._wrong(enlarge(self._low, self._scale))
        return _psnr(self._tiles(wrong).square())

    def sheet(self, net: Network) -> Sheet:
        """Examine a network, at both scales."""
        with torch.inference_mode():
            wrong = self._wrong(net(self._low))
            return Sheet(
                errors=_by_crop(self._tiles(wrong).square().mean(dim=1)),
                # Shrunk with what is around the tile: K sees across its borders.
                below=self._tiles(shrink(wrong, self._scale), by=self._scale).flatten(),
                beyond=self._not_given_back(net).flatten(),
            )

    def _wrong(self, enlarged: Tensor) -> Tensor:
        """Return what is wrong in the windows, [n, C, w, w]."""
        return enlarged.clamp(0, 1) - self._high

    def _tiles(self, windows: Tensor, *, by: int = 1) -> Tensor:
        """Cut the tiles out of windows, shrunk `by` so much: [n, C, side, side]."""
        inside = torch.arange(self._side // by, device=windows.device)
        number = torch.arange(len(windows), device=windows.device)[:, None, None]
        rows = (self._rows // by)[:, None, None] + inside[:, None]
        columns = (self._columns // by)[:, None, None] + inside
        return windows[number, :, rows, columns].permute(0, 3, 1, 2)

    def _not_given_back(self, net: Network) -> Tensor:
        """Return K(enlargement) minus the frame, around the middle of each tile."""
        height, width = self._picture.shape[-2:]
        margin = self._reach + MARGIN_OF_K
        side = min(SEEN_AGAIN + 2 * margin, height, width)
        middle = self._side // 2 - side // 2
        seen = _cut(
            self._picture,
            (self._top + middle).clamp(0, height - side),
            (self._left + middle).clamp(0, width - side),
            side,
        )
        lost = shrink(net(seen), self._scale) - seen
        # On frames that are too small for that the margin is not seen whole, by anybody.
        margin = min(margin, (side - 2) // 2)
        return lost[..., margin : side - margin, margin : side - margin]


def _cut(picture: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """[C, H, W] -> [n, C, side, side]: squares with these corners."""
    span = torch.arange(side, device=picture.device)
    rows, columns = top[:, None, None] + span[:, None], left[:, None, None] + span
    return picture[:, rows, columns].transpose(0, 1)


def _on_grid(places: Tensor, scale: int) -> Tensor:
    return places // scale * scale


def _by_crop(squares: Tensor) -> Tensor:
    """[n, side, side] -> [m]: the mean of each quarter of a tile, or of all of it."""
    side = squares.shape[-1]
    if side % 2:
        return squares.flatten(1).mean(dim=1)
    return F.avg_pool2d(squares[:, None], side // 2).flatten()


def _psnr(squares: Tensor) -> float:
    mse = float(squares.mean())
    return math.inf if mse == 0.0 else -10.0 * math.log10(mse)
