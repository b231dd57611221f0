"""Clips whose truth is known: from files, made of photographs, or one of these staged.

`walk`, `carphone` and `bikes` come from a folder of data; `pan`, `zoom` and `static` are
made here. `walk-cuts` is the scenario `cuts` of `walk`: see `scenarios`. Nothing is drawn
at random, so that the same name is the same clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.pictures import load, png_files
from bench.scenarios import SCENARIOS
from bench.synthetic_clips import SYNTHETIC
from bench.video import frames_in


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames of one size in the order in which they are shown."""

    name: str
    frames: tuple[NDArray[np.uint8], ...]
    """[H, W, 3] each, sides even."""
    cuts: tuple[int, ...] = ()
    """Numbers from 0 of the frames that begin a new shot; the first frame is none."""
    start: int = 0
    """Frames of its file that were passed over."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A clip that is read from files."""

    path: str
    """Below the folder of data: a video, or a folder of PNG files."""
    cuts: tuple[int, ...] = ()
    """As `Clip` has them, of the whole clip."""


RECORDED = {
    "walk": Recorded("clips/walk"),
    "carphone": Recorded("clips/carphone.mp4"),
    "bikes": Recorded("clips/bikes.mp4", cuts=(30, 76, 137, 187, 242)),
}
FOR_CHECKING_ONLY = ("bikes",)
"""No setting is chosen by these, so that what they show is no echo of the choice."""


def check_name(name: str, *, data: Path | None) -> None:
    """Refuse the name of a clip that there is not, or not without a folder of data.

    Raises:
        ValueError: says which there are, or that there must be a folder.
    """
    base, dash, scenario = name.partition("-")
    if base not in {**RECORDED, **SYNTHETIC} or (dash and scenario not in SCENARIOS):
        bases, scenarios = ", ".join({**RECORDED, **SYNTHETIC}), ", ".join(SCENARIOS)
        raise ValueError(
            f"there is no clip {name!r}; there are {bases}, and with a hyphen of each "
            f"{scenarios}"
        )
    if base in RECORDED and data is None:
        raise ValueError(f"clip {name} is read from files: say with --data where")


def check_files(name: str, data: Path | None) -> None:
    """See that what a clip is read from is there.

    Raises:
        FileNotFoundError: it is not.
    """
    recorded = RECORDED.get(name.partition("-")[0])
    if recorded and data and not (data / recorded.path).exists():
        raise FileNotFoundError(f"clip {name}: there is no {data / recorded.path}")


def clip_of(name: str, *, count: int, data: Path | None, start: int = 0) -> Clip:
    """Return the first frames of a clip; fewer than `count` where it is shorter.

    Args:
        name: of a clip, or of a clip and a scenario: `walk-cuts`.
        count: how many frames.
        data: the folder that recorded clips are below.
        start: how many frames of a recorded clip are passed over.

    Raises:
        ValueError: there is no such clip, it needs a folder of data, or none is left of it.
        FileNotFoundError: its files are not there.
    """
    check_name(name, data=data)
    base, _, scenario = name.partition("-")
    if data is not None and base in RECORDED:
        clip = _recorded(name, RECORDED[base], data, slice(start, start + count))
    else:
        clip = Clip(name, tuple(SYNTHETIC[base](count)))
    if not scenario:
        return clip
    frames, cuts = SCENARIOS[scenario](clip.frames)
    # What is staged may stand still: the cuts of the clip itself are none any more.
    return Clip(name, tuple(frames), tuple(cuts), clip.start)


def _recorded(name: str, recorded: Recorded, data: Path, which: slice) -> Clip:
    path = data / recorded.path
    read = frames_in if path.suffix else _folder
    frames = tuple(map(_even, islice(read(path), which.start, which.stop)))
    if not frames:
        raise ValueError(f"clip {name} has no frame {which.start}")
    cuts = (cut - which.start for cut in recorded.cuts)
    shown = tuple(cut for cut in cuts if 0 < cut < len(frames))
    return Clip(name, frames, shown, which.start)


def _folder(path: Path) -> Iterator[NDArray[np.uint8]]:
    return (load(file) for file in png_files(path))


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = (side // 2 * 2 for side in frame.shape[:2])
    return frame[:height, :width]
