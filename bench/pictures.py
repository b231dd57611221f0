"""What the cases work on: photographs from scikit-image, and data sets from folders.

How a picture is made small is written down here, and nowhere else in the benches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from srstream.engine.consistent import enlarge_consistently
from srstream.engine.resample import enlarge, shrink
from srstream.frames import Frame, FrameId, Picture, Pixels

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
_PAN = 8
"""Pixels by which the window moves from frame to frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A picture of a data set, cropped to a multiple of the scale."""

    name: str
    number: int
    """Its place in the set, from 1."""
    pixels: NDArray[np.uint8]
    """[H, W, C]; C is 1 or 3."""
    was_cropped: bool


def photographs() -> list[NDArray[np.uint8]]:
    """Return [H, W, 3] each; they come with scikit-image."""
    from skimage import data  # noqa: PLC0415 - slow to load

    return [getattr(data, name)()[:, :, :3] for name in PHOTOGRAPHS]


def pan(count: int, *, side: int) -> Iterator[NDArray[np.uint8]]:
    """Yield [side, side, 3] windows that move over one photograph after the other."""
    pictures = photographs()
    share = -(-count // len(pictures))
    for number in range(count):
        yield window(pictures[number // share], side, side, moved=_PAN * (number % share))


def window(
    picture: NDArray[np.uint8], height: int, width: int, *, moved: int
) -> NDArray[np.uint8]:
    """Return [height, width, C] out of a picture, this far right of the last time.

    Raises:
        ValueError: the picture is smaller.
    """
    rows, columns = picture.shape[:2]
    if height > rows or width > columns:
        raise ValueError(f"no {width}x{height} in a photograph of {columns}x{rows}")
    top, left = (rows - height) // 2, moved % (columns - width + 1)
    return picture[top : top + height, left : left + width]


def truths(
    height: int, width: int, *, count: int, folder: Path | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Yield [height, width, 3], to be made small and enlarged again.

    Of the first PNG files of a folder, in natural order, or of photographs that come with
    scikit-image, again and again. Of what is larger the middle is taken; what is smaller
    goes on mirrored, which has the detail of the picture itself and no seam.

    Raises:
        FileNotFoundError: there is no such folder, or no such file in it.
    """
    files = png_files(folder)[:count] if folder else []
    pictures = [load(file) for file in files] if files else photographs()
    for number in range(count):
        wide = mirrored(pictures[number % len(pictures)], height, width)
        yield window(
            wide.repeat(3 // wide.shape[2], axis=2),
            height,
            width,
            moved=(wide.shape[1] - width) // 2,
        )


def mirrored(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return [H, W, C] that is at least [height, width, C]: what is missing is mirrored."""
    rows, columns = picture.shape[:2]
    missing = ((0, max(height - rows, 0)), (0, max(width - columns, 0)), (0, 0))
    return np.pad(picture, missing, mode="symmetric")


def data_set(folder: Path, *, scale: int, most: int | None = None) -> list[Original]:
    """Return the first PNG files of a folder, in natural order.

    Raises:
        FileNotFoundError: there is no such folder, or no such file in it.
    """
    files = png_files(folder)[:most]
    return [_original(file, number, scale) for number, file in enumerate(files, 1)]


def shrunk(pixels: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return K of [H, W, C], rounded to 8 bits."""
    return _pixels(shrink(_tensor(pixels), scale))


def shrunk_aliased(pixels: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return [H, W, C] shrunk by bicubic without antialiasing, rounded to 8 bits.

    Every pixel is interpolated from the 16 around its centre, as `resize` of OpenCV with
    `INTER_CUBIC` does it: Keys, a = -0.75.
    """
    height, width = (side // scale for side in pixels.shape[:2])
    return _pixels(F.interpolate(_tensor(pixels), size=(height, width), mode="bicubic"))


def enlarged(pixels: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return U of [H, W, C], rounded to 8 bits."""
    return _pixels(enlarge(_tensor(pixels), scale))


def enlarged_consistently(pixels: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return [H, W, C] enlarged so that K gives it back, rounded to 8 bits."""
    return _pixels(enlarge_consistently(_tensor(pixels), scale))


WITHOUT_A_NETWORK: dict[str, Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]] = {
    "bicubic": enlarged,
    "consistent bicubic": enlarged_consistently,
}
"""Ways to enlarge [h, w, C] by a scale that need no weights."""


def as_frame(pixels: Pixels, *, seq: int, name: str) -> Frame:
    """Wrap pixels as a frame of a stream called `bench`."""
    return Frame(FrameId("bench", seq, name, name), Picture(pixels))


def png_files(folder: Path) -> list[Path]:
    """Return the PNG files of a folder, in natural order.

    Raises:
        FileNotFoundError: there is no such folder, or no such file in it.
    """
    files = sorted(folder.glob("*.png"), key=_natural)
    if not files:
        raise FileNotFoundError(f"{folder}: no data set (a folder of PNG files)")
    return files


def save(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write a PNG file."""
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(path)


def load(path: Path) -> NDArray[np.uint8]:
    """Read 8 bits grey or colour: [H, W, 1] or [H, W, 3]."""
    with Image.open(path) as image:
        pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _original(file: Path, number: int, scale: int) -> Original:
    pixels = load(file)
    height, width = (side // scale * scale for side in pixels.shape[:2])
    whole = pixels[:height, :width]
    return Original(file.stem, number, whole, was_cropped=whole.shape != pixels.shape)


def _natural(file: Path) -> list[str | int]:
    parts = re.split(r"(\d+)", file.stem)
    return [int(part) if part.isdecimal() else part for part in parts]


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.tensor(pixels).permute(2, 0, 1)[None].float()


def _pixels(planes: Tensor) -> NDArray[np.uint8]:
    codes = planes[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)
    return cast("NDArray[np.uint8]", codes.numpy())
