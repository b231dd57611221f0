"""Pixels of at most 8 bits a channel: whatever Pillow reads, as grey or RGB."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from srstream.errors import DecodeError

# What each mode of Pillow is taken as: without and with transparent pixels.
_TAKEN_AS = {
    "1": ("L", "LA"),
    "L": ("L", "LA"),
    "LA": ("LA", "LA"),
    "La": ("LA", "LA"),
    "P": ("RGB", "RGBA"),
    "PA": ("RGBA", "RGBA"),
    "RGB": ("RGB", "RGBA"),
    "RGBA": ("RGBA", "RGBA"),
    "CMYK": ("RGB", "RGB"),
    "YCbCr": ("RGB", "RGB"),
}
_CONVERSIONS = {
    "1": "1-bit converted to grey",
    "P": "palette converted to RGB",
    "PA": "palette converted to RGB",
    "CMYK": "CMYK converted to RGB",
    "YCbCr": "YCbCr converted to RGB",
}


def conversion_of(mode: str) -> str | None:
    """Return what has to be said about pixels of this mode, if anything."""
    return _CONVERSIONS.get(mode)


def read_8bit(image: Image.Image) -> NDArray[np.uint8]:
    """Decode to [H, W, C]; transparency of any kind becomes an alpha channel.

    Raises:
        DecodeError: pixels of this kind are not taken.
        Exception: whatever Pillow raises on damaged data.
    """
    if image.mode not in _TAKEN_AS:
        raise DecodeError(
            f"has pixels of kind {image.mode}; grey and RGB of 8 bits a channel, or 16 "
            "in PNG and TIFF, are taken"
        )
    image.load()
    target = _TAKEN_AS[image.mode][image.has_transparency_data]
    if image.mode == "CMYK":
        converted = _from_inks(image)
    else:
        converted = image if image.mode == target else image.convert(target)
    pixels = np.array(converted, dtype=np.uint8)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _from_inks(image: Image.Image) -> Image.Image:
    """Convert CMYK by its colour profile to sRGB; plainly if it has none that works."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    try:
        rgb = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError):
        rgb = None
    return rgb or image.convert("RGB")
