"""The values that travel: from a source, through the engine, to the sinks. All frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
"""[H, W, C] in the depth it came in; C is 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA.

Integers fill the range of their type; floats are 0 (black) to 1 (white)."""

_WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65_535, np.dtype(np.float32): 1}


def white(pixels: Pixels) -> int:
    """Return the value of white."""
    return _WHITE[pixels.dtype]


@dataclass(frozen=True, slots=True)
class FrameId:
    """Which frame of which stream."""

    stream: str
    seq: int
    """Rises per stream, from 1, also over restarts: by one, or by more where a feed dropped
    or lost frames before it."""
    source: str
    """Where it came from: for a folder, the path below it."""
    name: str
    """What its outputs are called, without extension; unique among the stream's sources.

    Parts between slashes are folders below the sink's."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was read from a source, and when."""

    digest: bytes
    """SHA-256 of the file."""
    read_at_ns: int
    """Wall clock before reading began, since 1970."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a picture carries beside its pixels, passed on unchanged."""

    icc: bytes | None = None
    exif: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture."""

    pixels: Pixels
    extras: Extras = field(default_factory=Extras)
    notes: tuple[str, ...] = ()
    """What had to be converted, each said once per stream: `palette converted to RGB`."""
    content: Content | None = None
    """The file it was read from; none: it comes from no file."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.pixels.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True)
class Origin:
    """What a feed said of a frame, passed on to whoever follows the stream."""

    sender: str = ""
    """Who sent it, in the sender's own words."""
    seq: int | None = None
    """The sender's own number of it."""
    pts: int | None = None
    """When it is to be shown, in ticks of `time_base`."""
    time_base: tuple[int, int] | None = None
    """Seconds per tick: numerator, denominator."""
    space: str | None = None
    """The colour space, such as `srgb` or `bt709`."""
    trace: str | None = None
    """Identifies it in the logs of several programs."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture with its place in a stream."""

    id: FrameId
    picture: Picture
    origin: Origin | None = None
    """None: it came from no feed."""


class Outcome(StrEnum):
    """What became of the adaptation to one frame."""

    ADAPTED = "adapted"
    """All the steps, or all the time, were spent and the result was kept."""
    CONVERGED = "converged"
    """The loss stopped falling before the steps were spent; the result was kept."""
    SKIPPED = "skipped"
    """No step was taken: mode `frozen`, or a flat or black frame."""
    ROLLED_BACK = "rolled_back"
    """The adapted weights were worse, or not finite; those from before were used."""
    RESET = "reset"
    """The carried weights had become worse than the initial ones, or than bicubic: they
    were given up, and the initial ones are adapted from here."""
    PENDING = "pending"
    """Steps were taken that are not judged yet; the frame was upscaled with weights that
    were."""
    FALLBACK = "fallback"
    """Upscaled by bicubic: no usable weights, or the frame is below 16x16."""
    REUSED = "reused"
    """The frame is identical to the one before, whose enlargement was used again."""


class Used(StrEnum):
    """Which weights a frame was upscaled with."""

    FROZEN = "frozen"
    """The initial ones: those that are shipped, or drawn."""
    CARRIED = "carried"
    """Adapted to earlier frames."""
    ADAPTED = "adapted"
    """Adapted to this frame as well."""
    CACHED = "cached"
    """Adapted to an earlier scene that looked like this one."""
    BICUBIC = "bicubic"
    """None: by bicubic alone."""


@dataclass(frozen=True, slots=True)
class AdaptStats:
    """How one frame was adapted and upscaled. `None` means not known or not finite."""

    outcome: Outcome
    scale: int
    net: str
    preset: str
    device: str
    steps: int = 0
    loss_before: float | None = None
    """The configured loss on one fixed batch of training pairs, before the first step."""
    loss_after: float | None = None
    """The same batch after the last step (before any roll-back)."""
    heldout_psnr_before: float | None = None
    """dB on held-out pixels of the frame, with the weights it started from."""
    heldout_psnr_after: float | None = None
    """dB on the same pixels after the last step (before any roll-back)."""
    heldout_psnr_bicubic: float | None = None
    """dB on the same pixels by bicubic."""
    heldout_psnr_frozen: float | None = None
    """dB on the same pixels with the initial weights."""
    heldout_gain: float | None = None
    """dB that the weights which were used gain over the initial ones on held-out pixels,
    when that was last measured; 0 where these were used themselves."""
    used: Used = Used.FROZEN
    deadline_missed: bool = False
    """The frame was ready later than its `target_fps` allows."""
    fault: str | None = None
    """What went wrong in training: it cost the adaptation, and not the frame."""
    weight_change: float | None = None
    """L2 norm of the change of the weights that were kept, over the norm before."""
    scene_change: bool = False
    adapt_ms: float = 0.0
    upscale_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """Where the time of a frame went."""

    queue: float = 0.0
    """Waiting between the stages."""
    decode: float = 0.0
    adapt: float = 0.0
    upscale: float = 0.0
    write: float = 0.0
    """All sinks of pictures together."""
    total: float = 0.0
    """From the moment the source offered the frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Upscaled:
    """A frame together with its enlargement and its statistics."""

    frame: Frame
    pixels: Pixels
    """[scale*H, scale*W, C] in the frame's depth."""
    stats: AdaptStats
    ms: Milliseconds = field(default_factory=Milliseconds)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the enlargement in pixels."""
        height, width = self.pixels.shape[:2]
        return width, height
