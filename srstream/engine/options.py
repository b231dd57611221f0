"""What can be set about a session. Ranges are checked where the values live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from srstream.engine.losses import DogOptions
from srstream.engine.nets import ZssrStarOptions
from srstream.ranges import check_within

Mode = Literal["online", "per-frame", "frozen"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class AdaptOptions:
    """How the network is adapted to a frame; the defaults are paper 1, section 2.4."""

    mode: Mode = "online"
    """online: weights are carried from frame to frame; per-frame: every frame starts from
    the initial weights (ZSSR); frozen: no adaptation."""
    steps: int = 750
    """Optimiser steps per frame at most."""
    seconds: float | None = None
    """Time for the steps of one frame, at most; none: no limit."""
    target_fps: float | None = None
    """Frames per second to be held: adaptation gets what enlarging leaves of the time, and
    none where it leaves none; none: frames take as long as they take."""
    plateau: float | None = None
    """Stop when the mean loss of 25 steps fell by less than this share against the 25
    before; none: never."""
    batch: int = 8
    """Pairs per step."""
    crop: int = 128
    """Side of the high-resolution crops in pixels; clamped to small frames."""
    pairs: int | None = 3000
    """Pairs drawn per frame, gone through in random order, again and again; none: every
    step draws new ones."""
    rate: float = 1e-3
    """Adam's learning rate."""
    milestones: tuple[int, ...] = (250, 500)
    """The rate is divided by 10 after each of these steps."""
    carry_moments: bool = False
    """Carry Adam's moments from frame to frame as well."""
    smallest: float = 0.5
    """The pyramid of training pictures goes down to this share of the frame's size."""
    as_is: float = 0.05
    """Share of pairs that take the frame as it is: full size, not turned."""
    heldout: float = 0.0625
    """Share of the frame's pixels that are kept out of training and judge it; 0: none."""
    judge: Literal["cautious", "enforce", "observe"] = "enforce"
    """enforce: roll back what a frame made worse on the held-out pixels; cautious: and use
    adapted weights only where they prove better than the initial ones, which is for
    trained ones; observe: only report."""
    keyframe: int = 1
    """Frames from one exam to the next, with the cautious judge: the steps in between are
    judged together."""
    radius: float | None = None
    """How far weights may go from the initial ones, as a share of their norm, with the
    cautious judge; none: anywhere."""
    scenes: int = 4
    """Scenes whose weights are kept, with the cautious judge, for when they come again."""
    thread: Literal["same", "own"] = "same"
    """same: steps are taken before a frame is enlarged, by the thread that does that; own:
    beside it, on whichever frame comes when the last lesson is over; what was learnt is in
    use from the next frame on. With the cautious judge only."""
    repeats: Literal["reuse", "learn"] = "learn"
    """What a frame that is identical to the one before gets: reuse: that one's
    enlargement; learn: steps of its own."""

    def __post_init__(self) -> None:
        check_within("steps", self.steps, 0, 1_000_000)
        check_within("batch", self.batch, 1, 256)
        check_within("crop", self.crop, 16, 1024)
        check_within("rate", self.rate, 1e-7, 1.0)
        check_within("smallest", self.smallest, 0.1, 1.0)
        check_within("as_is", self.as_is, 0.0, 1.0)
        check_within("heldout", self.heldout, 0.0, 0.5)
        check_within("keyframe", self.keyframe, 1, 10_000)
        check_within("scenes", self.scenes, 0, 64)
        self._check_what_goes_together()
        if self.radius is not None:
            check_within("radius", self.radius, 0.0, 100.0)
        if self.target_fps is not None:
            check_within("target_fps", self.target_fps, 0.01, 1000.0)
        if self.seconds is not None:
            check_within("seconds", self.seconds, 0.0, 86_400.0)
        if self.plateau is not None:
            check_within("plateau", self.plateau, 0.0, 1.0)
        if self.pairs is not None:
            check_within("pairs", self.pairs, 1, 1_000_000)
        if (
            list(self.milestones) != sorted(self.milestones)
            or min(self.milestones, default=0) < 0
        ):
            raise ValueError(f"milestones is {self.milestones}; allowed: rising, from 0")

    def _check_what_goes_together(self) -> None:
        if self.judge == "cautious" and not self.heldout:
            raise ValueError("heldout is 0.0; allowed with judge = 'cautious': above 0")
        if self.thread == "own" and (self.judge != "cautious" or self.mode != "online"):
            raise ValueError(
                "thread is 'own'; allowed: same, or own with judge = 'cautious' and "
                "mode = 'online'"
            )
        if self.target_fps is not None and self.judge != "cautious":
            raise ValueError(
                f"target_fps is {self.target_fps}; allowed with judge = 'cautious' only, "
                "which goes on with the next frame; set seconds"
            )
        if self.keyframe > 1 and self.mode == "per-frame":
            raise ValueError(f"keyframe is {self.keyframe}; allowed per frame: 1")


@dataclass(frozen=True, slots=True)
class UpscaleOptions:
    """How a frame is enlarged with the adapted network."""

    ensemble: bool = False
    """Upscale the eight symmetries of the frame and merge them: eight times the work."""
    merge: Literal["mean", "median"] = "mean"
    """How the eight are merged."""
    back_projection: int = 0
    """Times that what the enlargement loses when shrunk again is added back, at the end."""
    member_back_projection: int = 0
    """The same on each of the eight before they are merged."""
    tile: int | None = None
    """Side of a tile in output pixels; none: from the network, so that the memory and the
    time of a tile are bounded."""

    def __post_init__(self) -> None:
        check_within("back_projection", self.back_projection, 0, 100)
        check_within("member_back_projection", self.member_back_projection, 0, 100)
        if self.tile is not None:
            check_within("tile", self.tile, 64, 16_384)
        if self.member_back_projection and not self.ensemble:
            raise ValueError(
                f"member_back_projection is {self.member_back_projection}; "
                "allowed: 0, or more with ensemble = true"
            )


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Everything about one stream's adaptation and enlargement."""

    scale: int = 2
    """How many times as wide and as high frames become."""
    net: Any = field(default_factory=ZssrStarOptions)
    """The options of a row of `NETS`; None: those of the weights."""
    weights: str | None = None
    """Where the initial weights come from: the name of a model that is shipped, or a file
    of `srstream pretrain`; none: they are drawn at random."""
    precision: Precision = "auto"
    """Of the convolutions: float32, or bfloat16 on pictures of 8 bits; auto: bfloat16
    where a test at the start finds it faster and close enough; float32 without trained
    weights."""
    loss: Any = field(default_factory=DogOptions)
    """The options of a row of `LOSSES`."""
    adapt: AdaptOptions = field(default_factory=AdaptOptions)
    """How the network is adapted to a frame."""
    upscale: UpscaleOptions = field(default_factory=UpscaleOptions)
    """How a frame is enlarged with the adapted network."""
    preset: str = "custom"
    """The name of the preset these came from; reported in the statistics."""
    seed: int = 0
    """Of everything that is drawn at random."""

    def __post_init__(self) -> None:
        if self.scale not in (2, 3, 4):
            raise ValueError(f"scale is {self.scale}; allowed: 2, 3, 4")
        check_within("seed", self.seed, 0, 2**63 - 1)
