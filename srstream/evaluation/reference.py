"""Enlargements held against originals from a folder, paired by name."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from srstream.errors import Complaint, ConfigError, FrameError
from srstream.evaluation.metrics import SSIM_WINDOW, bicubic, psnr_rgb, psnr_y, ssim_y
from srstream.frames import Pixels
from srstream.media.decode import read_picture, read_size
from srstream.media.depth import to_8bit

_OPTION = "--reference"
_EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Score:
    """One enlargement and the bicubic one against the original.

    PSNR is in dB and `None` where the pictures are equal; SSIM is `None` where they are
    smaller than its window.
    """

    psnr_y: float | None
    psnr_rgb: float | None
    ssim_y: float | None
    psnr_y_bicubic: float | None
    psnr_rgb_bicubic: float | None
    ssim_y_bicubic: float | None


class References:
    """The originals in one folder; folders in it are not looked into."""

    def __init__(self, folder: Path, *, max_pixels: int) -> None:
        """Index the folder.

        Raises:
            ConfigError: it cannot be listed, or two originals have one name.
        """
        self._folder = folder
        self._max_pixels = max_pixels
        self._originals = _index(folder)

    def check(self, names: Iterable[str]) -> None:
        """Raise unless there is an original for each of these names.

        Raises:
            ConfigError: names the first few that are missing.
        """
        missing = [name for name in names if self._find(name) is None]
        if not missing:
            return
        named = ", ".join(missing[:_NAMED_AT_MOST])
        more = len(missing) - _NAMED_AT_MOST
        rest = f" and {more} more" if more > 0 else ""
        raise _complain(f"{self._folder} has no original for {named}{rest}")

    def check_sizes(self, pictures: Iterable[tuple[str, Path]], *, scale: int) -> None:
        """Raise unless each original is the right size, by the headers: before the work.

        Pictures that cannot be read are passed over; they have no result to score.

        Args:
            pictures: the name and the file of each, with an original for each name.
            scale: how many times larger an original must be.

        Raises:
            ConfigError: with every original that is of another size, or no picture.
        """
        complaints: list[Complaint] = []
        for name, picture in pictures:
            try:
                low = read_size(picture)
            except FrameError:
                continue
            try:
                self._check_size(self._path_of(name), low, scale=scale)
            except ConfigError as error:
                complaints.extend(error.complaints)
        if complaints:
            raise ConfigError(*complaints)

    def score(self, name: str, upscaled: Pixels, *, low: Pixels, scale: int) -> Score:
        """Hold an enlargement against its original, at 8 bits.

        Args:
            name: of the picture, with or without extension.
            upscaled: [scale*H, scale*W, C], in any depth.
            low: [H, W, C], what was enlarged; bicubic is computed from it.
            scale: also the border that luma leaves out, in pixels.

        Raises:
            ConfigError: there is no original, or it is no picture, or of another size.
        """
        original = to_8bit(self._read(name, low=low, scale=scale))
        ours = to_8bit(upscaled)
        base = bicubic(low, scale)
        return Score(
            psnr_y=_finite(psnr_y(original, ours, border=scale)),
            psnr_rgb=_finite(psnr_rgb(original, ours)),
            ssim_y=_ssim(original, ours, border=scale),
            psnr_y_bicubic=_finite(psnr_y(original, base, border=scale)),
            psnr_rgb_bicubic=_finite(psnr_rgb(original, base)),
            ssim_y_bicubic=_ssim(original, base, border=scale),
        )

    def _find(self, name: str) -> Path | None:
        return self._originals.get(name) or self._originals.get(_bare(name))

    def _read(self, name: str, *, low: Pixels, scale: int) -> Pixels:
        path = self._path_of(name)
        try:
            original = read_picture(path, max_pixels=self._max_pixels)
        except FrameError as error:
            raise _complain(str(error)) from error
        height, width = low.shape[:2]
        _compare(path, original.size, (width, height), scale=scale)
        return original.pixels

    def _check_size(self, path: Path, low: tuple[int, int] | None, *, scale: int) -> None:
        try:
            original = read_size(path)
        except FrameError as error:
            raise _complain(str(error)) from error
        if low is not None and original is not None:
            _compare(path, original, low, scale=scale)

    def _path_of(self, name: str) -> Path:
        path = self._find(name)
        if path is None:
            raise _complain(f"{self._folder} has no original for {name}")
        return path


def _index(folder: Path) -> dict[str, Path]:
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or error
        raise _complain(f"{folder} cannot be listed: {reason}") from error
    originals: dict[str, Path] = {}
    for path in files:
        bare = _bare(path.name)
        if bare == path.name or path.name.startswith("."):
            continue
        if bare in originals:
            both = f"{originals[bare].name} and {path.name}"
            raise _complain(f"{folder} has two originals for {bare}: {both}")
        originals[bare] = path
    return originals


def _compare(
    path: Path, original: tuple[int, int], low: tuple[int, int], *, scale: int
) -> None:
    width, height = low
    if original != (width * scale, height * scale):
        raise _complain(
            f"{path} is {original[0]}x{original[1]}; expected "
            f"{width * scale}x{height * scale}, {scale} times {width}x{height}"
        )


def _bare(name: str) -> str:
    """Return the name without a picture's extension; other dots belong to the name."""
    extension = PurePath(name).suffix
    if extension.lower() not in _EXTENSIONS:
        return name
    return name[: -len(extension)]


def _ssim(
    original: NDArray[np.uint8], other: NDArray[np.uint8], *, border: int
) -> float | None:
    if min(original.shape[:2]) - 2 * border < SSIM_WINDOW:
        return None
    return ssim_y(original, other, border=border)


def _finite(decibels: float) -> float | None:
    return decibels if math.isfinite(decibels) else None


def _complain(problem: str) -> ConfigError:
    return ConfigError(Complaint(_OPTION, problem))
