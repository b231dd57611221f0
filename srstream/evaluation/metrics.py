"""PSNR and SSIM by the conventions of the super-resolution literature.

All take 8-bit pictures, uint8 [H, W, C] with C from 1 to 4: grey is repeated to RGB,
alpha is left out. Luma is that of ITU-R BT.601 in 16..235, as MATLAB's rgb2ycbcr gives
it, but not rounded.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srstream.frames import Pixels, white

_LUMA_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255.0  # of R, G, B; BT.601
_LUMA_BLACK = 16.0
_LARGEST = 255.0

SSIM_WINDOW = 11
"""Side in pixels of the Gaussian window of SSIM; smaller pictures have none."""


def psnr_y(a: NDArray[np.uint8], b: NDArray[np.uint8], *, border: int) -> float:
    """Return the PSNR of the luma in dB; infinite for equal pictures.

    Args:
        a: one picture.
        b: the other.
        border: pixels left out on each side; usual is the scale.

    Raises:
        ValueError: the sizes differ, or the border leaves nothing.
    """
    _check(a, b)
    return _psnr(_luma_inside(a, border), _luma_inside(b, border))


def psnr_rgb(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the PSNR over all three channels in dB, nothing left out.

    Raises:
        ValueError: the sizes differ.
    """
    _check(a, b)
    return _psnr(_rgb(a), _rgb(b))


def ssim_y(a: NDArray[np.uint8], b: NDArray[np.uint8], *, border: int) -> float:
    """Return the mean SSIM of the luma, as Wang et al. 2004 define it.

    A Gaussian window of 11x11 and sigma 1.5, population covariances, K1 0.01, K2 0.03,
    range 255.

    Args:
        a: one picture.
        b: the other.
        border: pixels left out on each side.

    Raises:
        ValueError: the sizes differ, or less than a window is left within the border.
    """
    # Imports half of SciPy, for which nobody without originals should wait.
    from skimage.metrics import structural_similarity  # noqa: PLC0415

    _check(a, b)
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            _luma_inside(a, border),
            _luma_inside(b, border),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=_LARGEST,
        )
    )


def bicubic(pixels: Pixels, scale: int) -> NDArray[np.uint8]:
    """Enlarge by bicubic interpolation (a = -0.5): the base line of the comparison.

    Computed in floating point per channel and rounded once, also from 16 bits and floats.
    """
    height, width = pixels.shape[:2]
    levels = _LARGEST / white(pixels)
    planes = [
        Image.fromarray(pixels[:, :, channel].astype(np.float32) * levels).resize(
            (width * scale, height * scale), Image.Resampling.BICUBIC
        )
        for channel in range(pixels.shape[2])
    ]
    enlarged = np.stack([np.asarray(plane) for plane in planes], axis=2)
    return enlarged.round().clip(0, _LARGEST).astype(np.uint8)


def _check(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(f"pictures are {a.dtype} and {b.dtype}; both must be uint8")
    if a.shape[:2] != b.shape[:2]:
        (height_a, width_a), (height_b, width_b) = a.shape[:2], b.shape[:2]
        raise ValueError(
            f"pictures are {width_a}x{height_a} and {width_b}x{height_b}; "
            "only equal sizes compare"
        )


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    colours = pixels[:, :, :1].repeat(3, 2) if pixels.shape[2] <= 2 else pixels[:, :, :3]
    return colours.astype(np.float64)


def _luma_inside(pixels: NDArray[np.uint8], border: int) -> NDArray[np.float64]:
    """Return [H, W] in 16..235 without the border."""
    height, width = pixels.shape[:2]
    if min(height, width) <= 2 * border:
        raise ValueError(f"a border of {border} leaves nothing of {width}x{height}")
    inside = pixels[border : height - border, border : width - border]
    return _LUMA_BLACK + _rgb(inside) @ _LUMA_WEIGHTS


def _psnr(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    error = float(np.mean((a - b) ** 2))
    return 10 * math.log10(_LARGEST**2 / error) if error else math.inf
