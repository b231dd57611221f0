"""Folders of pictures -> originals to learn from and originals to measure on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srstream.errors import Complaint, ConfigError, FrameError
from srstream.media.decode import read_picture
from srstream.media.depth import to_8bit
from srstream.sources import expand
from srstream.sources.files import MAX_PIXELS

MOST_VALIDATION = 24
"""Pictures to measure on; more would tell no more and take time from the training."""


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A picture in high resolution."""

    name: str
    """Of its file."""
    digest: bytes
    """SHA-256 of its file."""
    pixels: Tensor
    """[3, H, W] uint8."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a network is trained on, and what it is measured on."""

    training: tuple[Original, ...]
    validation: tuple[Original, ...]

    def digest(self) -> str:
        """Return SHA-256 over the SHA-256 of all files; their names do not matter."""
        both = (
            sorted(each.digest for each in part)
            for part in (self.training, self.validation)
        )
        return hashlib.sha256(b"|".join(b"".join(part) for part in both)).hexdigest()


def read_pictures(
    paths: Sequence[Path], *, aside: float, warn: Callable[[str], None]
) -> Pictures:
    """Read all pictures, and keep every n-th by name aside.

    Which are kept aside does not depend on where folders lie nor on their order.

    Args:
        paths: Files and folders; what is deeper in a folder is left out.
        aside: The share to keep aside; `MOST_VALIDATION` pictures at most.
        warn: Told about each file that cannot be read; it is left out.

    Raises:
        ConfigError: a path is not there, a folder is empty, or no picture can be read.
    """
    originals: list[Original] = []
    for path in expand(paths):
        try:
            originals.append(_read(path))
        except FrameError as error:
            warn(f"{error}; left out")
    if not originals:
        raise ConfigError(Complaint("", "none of the pictures can be read"))
    originals.sort(key=lambda each: (each.name, each.digest))
    count = len(originals)
    if not aside or count < 2:
        return Pictures(tuple(originals), ())
    apart = min(max(round(1 / aside), -(-count // MOST_VALIDATION)), count)
    measured = originals[apart // 2 :: apart]
    kept = {id(each) for each in measured}
    return Pictures(
        tuple(each for each in originals if id(each) not in kept), tuple(measured)
    )


def _read(path: Path) -> Original:
    picture = read_picture(path, max_pixels=MAX_PIXELS)
    pixels = to_8bit(picture.pixels)
    # Grey, perhaps with alpha: the same in all three.
    colours = pixels[:, :, :1].repeat(3, 2) if pixels.shape[2] <= 2 else pixels[:, :, :3]
    digest = b"" if picture.content is None else picture.content.digest
    planes = np.ascontiguousarray(colours.transpose(2, 0, 1))
    return Original(path.name, digest, torch.from_numpy(planes))
