"""The published FSRCNN and ESPCN files, run by OpenCV's `dnn_superres`. Only for benches.

OpenCV sends the luma of a picture through the network and enlarges the rest by bicubic.
The files' authors trained on pictures that were shrunk without antialiasing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

INSTALL = "`make setup` installs opencv-contrib-python-headless"
NEEDED = {"FSRCNN": "fsrcnn", "ESPCN": "espcn"}
"""Files are `NAME_xS.pb`; OpenCV's name of the architecture."""
IF_THERE = {"FSRCNN-small": "fsrcnn"}


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """One published network, ready to run."""

    name: str
    model: Any

    def enlarge(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Enlarge [H, W, C], grey or RGB."""
        if pixels.shape[2] == 1:
            return self.run(np.ascontiguousarray(pixels[:, :, 0]))[:, :, None]
        return self.run(np.ascontiguousarray(pixels[:, :, ::-1]))[:, :, ::-1]

    def run(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Enlarge [H, W] or [H, W, 3] of blue, green and red, as OpenCV has it."""
        return cast("NDArray[np.uint8]", self.model.upsample(picture))


def published(folder: Path, *, scale: int, threads: int) -> list[Published]:
    """Load the networks for a scale.

    Args:
        folder: holds `FSRCNN_x2.pb` and so on.
        scale: 2, 3 or 4.
        threads: of OpenCV, for all that it does.

    Raises:
        ValueError: OpenCV is not there, or without its contributed modules.
        FileNotFoundError: a file is missing.
    """
    if find_spec("cv2") is None:
        raise ValueError(f"OpenCV is not installed: {INSTALL}")
    cv2 = import_module("cv2")
    if not hasattr(cv2, "dnn_superres"):
        raise ValueError(f"this OpenCV has no dnn_superres: {INSTALL}")
    cv2.setNumThreads(threads)
    found = []
    for name, architecture in {**NEEDED, **IF_THERE}.items():
        file = folder / f"{name}_x{scale}.pb"
        if not file.is_file():
            if name in IF_THERE:
                continue
            raise FileNotFoundError(f"{file}: no such file")
        model = cv2.dnn_superres.DnnSuperResImpl_create()
        model.readModel(str(file))
        model.setModel(architecture, scale)
        found.append(Published(name, model))
    return found
