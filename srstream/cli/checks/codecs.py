"""Can the formats that are taken be read, and those that are made be written?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srstream.cli.checks.finding import Finding, fail, ok, warn
from srstream.frames import Extras, Pixels
from srstream.media.decode import decode_picture
from srstream.media.encode import PictureFormat, encode_picture
from srstream.media.header import FORMATS
from srstream.media.sixteen import encode_16bit_png

Trial: TypeAlias = Callable[[], None]
"""Raises whatever it likes if it fails."""

_REMEDY = "install both again: pip install --force-reinstall pillow av"
_NEEDED = {"PNG", "JPEG"}
_SIDE = 16
_GREY = np.linspace(0, 255, _SIDE * _SIDE).astype(np.uint8).reshape(_SIDE, _SIDE, 1)
_DEEP = _GREY.astype(np.uint16) * 257
_LOSSY = {"JPEG", "WEBP", "GIF"}


def check_reading(trials: Mapping[str, Trial] | None = None) -> Finding:
    """Read a tiny picture in every format."""
    return _tried("codecs, reading", _reading() if trials is None else trials)


def check_writing(trials: Mapping[str, Trial] | None = None) -> Finding:
    """Write a tiny picture in every format, and read it again."""
    return _tried("codecs, writing", _writing() if trials is None else trials)


def _tried(check: str, trials: Mapping[str, Trial]) -> Finding:
    errors: dict[str, str] = {}
    for name, trial in trials.items():
        try:
            trial()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            errors[name] = str(error) or type(error).__name__
    if not errors:
        return ok(check, ", ".join(trials))
    found = "; ".join(f"{name}: {error}" for name, error in errors.items())
    return (fail if _NEEDED & errors.keys() else warn)(check, found, _REMEDY)


def _reading() -> dict[str, Trial]:
    trials: dict[str, Trial] = {
        name: partial(_read, name, lossy=name in _LOSSY) for name in FORMATS
    }
    return trials | {"PNG 16-bit": _read_deep_png, "TIFF 16-bit": _read_deep_tiff}


def _read(name: str, *, lossy: bool) -> None:
    file = BytesIO()
    Image.fromarray(_GREY[:, :, 0]).convert("RGB").save(file, name)
    read = decode_picture(file.getvalue(), max_pixels=_SIDE**2).pixels
    _compare(read, np.broadcast_to(_GREY, (_SIDE, _SIDE, 3)), by=12 if lossy else 0)


def _read_deep_png() -> None:
    data = encode_16bit_png(_DEEP, compression=1, icc=None, exif=b"")
    _compare(decode_picture(data, max_pixels=_SIDE**2).pixels, _DEEP)


def _read_deep_tiff() -> None:
    file = BytesIO()
    Image.fromarray(_DEEP[:, :, 0]).save(file, "TIFF")
    _compare(decode_picture(file.getvalue(), max_pixels=_SIDE**2).pixels, _DEEP)


def _writing() -> dict[str, Trial]:
    return {
        "PNG": partial(_write, _GREY, "png"),
        "PNG 16-bit": partial(_write, _DEEP, "png"),
        "JPEG": partial(_write, _GREY, "jpg", by=12),
    }


def _write(pixels: Pixels, kind: PictureFormat, by: int = 0) -> None:
    data = encode_picture(pixels, Extras(), format=kind)
    _compare(decode_picture(data, max_pixels=_SIDE**2).pixels, pixels, by=by)


def _compare(read: NDArray[np.generic], expected: NDArray[np.generic], by: int = 0) -> None:
    if read.shape != expected.shape:
        raise ValueError(f"comes back as {read.shape} instead of {expected.shape}")
    off = int(np.abs(read.astype(int) - expected.astype(int)).max())
    if off > by:
        raise ValueError(f"comes back with values off by {off}")
