"""Originals -> pairs of low and high resolution -> batches of crops, one gather each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor

from srstream.engine.luma import luma
from srstream.engine.resample import resize, shrink
from srstream.engine.upscale import apply_symmetry
from srstream.errors import Complaint, ConfigError
from srstream.training.pictures import Original

LEAST_MEASURED = 16
"""Side in low resolution; smaller pictures are not measured on: mostly border."""
_LEAST_CROP = 8
"""The smallest `side` of a recipe."""
_NAMED_AT_MOST = 5
_MEMINFO = Path("/proc/meminfo")
_SYMMETRIES = (0, 4, 2, 6, 1, 5, 3, 7)
"""In this order a seed draws them: with another, recipes give other weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A picture, and what a camera of lower resolution would have made of it."""

    low: Tensor
    """[C, h, w] float32 in [0, 1], with the 256 levels of a file."""
    high: Tensor
    """[C, s*h, s*w] float32 in [0, 1]."""


def pair_of(
    original: Original, *, scale: int, colours: int, smaller: float = 1.0
) -> Pair | None:
    """Return the pair of one picture; none: nothing is left of it.

    The whole picture is shrunk by antialiased bicubic and rounded to 8 bits, and only then
    cut: so crops have no borders of their own.

    Args:
        original: The picture.
        scale: By how much the low resolution is lower.
        colours: 3: RGB; 1: luma.
        smaller: By which factor the picture is shrunk beforehand.
    """
    high = original.pixels[None].float() / 255
    height, width = high.shape[-2:]
    if smaller < 1.0:
        high = resize(high, round(height * smaller), round(width * smaller)).clamp(0, 1)
        height, width = high.shape[-2:]
    if min(height, width) < scale:
        return None
    high = high[..., : height // scale * scale, : width // scale * scale].contiguous()
    low = (shrink(high, scale).clamp(0, 1) * 255).round() / 255
    if colours == 1:
        low, high = luma(low), luma(high)
    return Pair(low[0], high[0])


def pairs_to_learn(
    originals: Iterable[Original],
    *,
    scale: int,
    colours: int,
    side: int,
    shrunken: Iterable[float],
    warn: Callable[[str], None],
) -> list[Pair]:
    """Return the pairs that crops can be taken of, smaller copies included.

    Args:
        originals: The pictures.
        scale: As `pair_of`.
        colours: As `pair_of`.
        side: Of a crop in low resolution.
        shrunken: Factors by which each picture is also taken smaller; copies that a crop
            does not fit into are left out.
        warn: Told about pictures that are smaller than a crop; they are left out.

    Raises:
        ConfigError: no picture is left, or they do not fit the memory that is free.
    """
    originals = list(originals)
    sizes = (1.0, *shrunken)
    _check_memory(originals, sizes=sizes, scale=scale, colours=colours)
    pairs: list[Pair] = []
    small: list[Original] = []
    for original in originals:
        if min(original.pixels.shape[-2:]) < side * scale:
            small.append(original)
            continue
        for smaller in sizes:
            pair = pair_of(original, scale=scale, colours=colours, smaller=smaller)
            if pair is not None and min(pair.low.shape[-2:]) >= side:
                pairs.append(pair)
    edge = f"{side * scale}x{side * scale}"
    if not pairs:
        fitting = max(min(each.pixels.shape[-2:]) for each in small) // scale
        remedy = f", or --set side={fitting}" if fitting >= _LEAST_CROP else ""
        problem = f"all pictures are smaller than a crop of {edge}: {_named(small)}"
        raise ConfigError(Complaint("", f"{problem}; take larger ones{remedy}"))
    if small:
        warn(f"smaller than a crop of {edge}, left out: {_named(small)}")
    return pairs


def _check_memory(
    originals: Sequence[Original], *, sizes: Iterable[float], scale: int, colours: int
) -> None:
    """Refuse what would end in a kill for want of memory. Raises `ConfigError`."""
    pixels = sum(each.pixels[0].numel() for each in originals)
    each = 4 * colours * (1 + 1 / scale**2) * sum(size**2 for size in sizes)
    needed, free = 2 * each * pixels, _free_memory()  # twice while the pool is made
    if needed > free:
        raise ConfigError(
            Complaint(
                "",
                f"{len(originals)} pictures of {pixels / 1e6:.0f} megapixels take "
                f"{needed / 1e9:.1f} GB of memory to learn from, and {free / 1e9:.1f} are "
                "free; take fewer, or smaller ones",
            )
        )


def _free_memory() -> float:
    """Return how many bytes the system can give; infinite where it does not say."""
    try:
        text = _MEMINFO.read_text(encoding="ascii")
        return 1024 * int(text.partition("MemAvailable:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return math.inf


def pairs_to_measure(
    originals: Iterable[Original],
    *,
    scale: int,
    colours: int,
    warn: Callable[[str], None],
) -> list[Pair]:
    """Return the pairs of whole pictures.

    Args:
        originals: The pictures.
        scale: As `pair_of`.
        colours: As `pair_of`.
        warn: Told about pictures that are too small to tell anything; they are left out.
    """
    pairs: list[Pair] = []
    small: list[Original] = []
    for original in originals:
        pair = pair_of(original, scale=scale, colours=colours)
        if pair is None or min(pair.low.shape[-2:]) < LEAST_MEASURED:
            small.append(original)
        else:
            pairs.append(pair)
    if small:
        edge = f"{LEAST_MEASURED * scale}x{LEAST_MEASURED * scale}"
        warn(f"smaller than {edge}, not measured on: {_named(small)}")
    return pairs


class Pool:
    """Pairs in flat buffers; a batch of crops is one gather from each.

    A picture is drawn as often as it has pixels, the place of a crop in it evenly, and
    each crop is turned or mirrored into one of the eight symmetries.
    """

    def __init__(
        self, pairs: Sequence[Pair], *, scale: int, side: int, device: torch.device
    ) -> None:
        """Take pairs that are not smaller than a crop, of `side` in low resolution."""
        self._scale = scale
        self._device = device
        self._low = _Flat([pair.low for pair in pairs], side, device)
        self._high = _Flat([pair.high for pair in pairs], side * scale, device)
        sides = torch.tensor([pair.low.shape[-2:] for pair in pairs])
        self._share = sides.prod(dim=1).double()
        self._share /= self._share.sum()
        self._places = sides - side + 1  # where a crop may begin

    def batch(self, count: int, draws: Generator) -> tuple[Tensor, Tensor]:
        """Return [B, C, side, side] and [B, C, s*side, s*side], float32.

        Args:
            count: B.
            draws: A generator on the CPU, whatever the device.
        """
        which = torch.multinomial(self._share, count, replacement=True, generator=draws)
        where = torch.rand(count, 2, generator=draws, dtype=torch.float64)
        place = (where * self._places[which]).long()
        turn = torch.randint(8, (count,), generator=draws)
        which, place, turn = (each.to(self._device) for each in (which, place, turn))
        return (
            self._low.crops(which, place, turn),
            self._high.crops(which, place * self._scale, turn),
        )


class _Flat:
    """Pictures of one resolution, one behind the other."""

    def __init__(self, pictures: Sequence[Tensor], side: int, device: torch.device) -> None:
        self._side = side
        self._pixels = torch.cat([each.flatten(1) for each in pictures], dim=1).to(device)
        sizes = torch.tensor([each[0].numel() for each in pictures])
        self._first = (sizes.cumsum(0) - sizes).to(device)
        self._width = torch.tensor([each.shape[-1] for each in pictures]).to(device)
        grid = torch.arange(side * side).view(side, side)
        turned = [apply_symmetry(grid, each).flatten() for each in _SYMMETRIES]
        sources = torch.stack(turned).to(device)
        self._rows, self._columns = sources // side, sources % side

    def crops(self, which: Tensor, place: Tensor, turn: Tensor) -> Tensor:
        """Return [B, C, side, side]."""
        width = self._width[which]
        first = self._first[which] + place[:, 0] * width + place[:, 1]
        index = torch.addcmul(first[:, None], self._rows[turn], width[:, None])
        index += self._columns[turn]
        taken = self._pixels.index_select(1, index.flatten())
        return taken.view(-1, len(which), self._side, self._side).transpose(0, 1)


def _named(originals: Sequence[Original]) -> str:
    """Return the names of some of them, and how many more there are."""
    more = len(originals) - _NAMED_AT_MOST
    rest = f" and {more} more" if more > 0 else ""
    return ", ".join(each.name for each in originals[:_NAMED_AT_MOST]) + rest
