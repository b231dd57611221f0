"""One stream's memory: adapt to a frame, upscale it, carry the weights to the next.

    frame ─► reset? ─► steps on pairs from the frame ─► judge: keep or roll back ─► upscale

Everything random comes from the session's own generator, so that the same frames and seed
give the same output, bit for bit on a CPU, also when dumped and loaded in between.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from collections.abc import Generator as Work
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from srstream.engine import judge, scene
from srstream.engine.adapt import Trace
from srstream.engine.carried import Carried, Snapshot
from srstream.engine.heldout import HeldOut
from srstream.engine.options import SessionOptions
from srstream.engine.pairs import Pairs
from srstream.engine.resample import enlarge
from srstream.engine.tensors import to_pixels, to_tensors
from srstream.engine.upscale import Upscaler
from srstream.frames import AdaptStats, Frame, Outcome, Upscaled

SMALLEST_SIDE = 16
"""Frames with a shorter side are upscaled by bicubic: there is nothing to learn from."""
FLAT_STD = 1.0 / 255.0
"""Frames that vary less than one 8-bit code are black or flat: adaptation is skipped."""


@dataclass(slots=True)
class _Adaptation:
    """What is known of one frame's adaptation so far; the fields of `AdaptStats`."""

    outcome: Outcome = Outcome.SKIPPED
    steps: int = 0
    loss_before: float | None = None
    loss_after: float | None = None
    heldout_psnr_before: float | None = None
    heldout_psnr_after: float | None = None
    heldout_psnr_bicubic: float | None = None
    weight_change: float | None = None
    scene_change: bool = False


class Session:
    """Adapts a network to the frames of one stream and upscales them.

    Not thread-safe: all calls from one thread. `step` does a whole frame; `begin`,
    `advance` and `finish` do the same in slices.
    """

    def __init__(
        self,
        options: SessionOptions,
        *,
        device: torch.device | str = "cpu",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._options = options
        self._device = torch.device(device)
        self._clock = clock
        self._carried = Carried(options, self._device)
        self._upscaler = Upscaler(self._carried.net, options.upscale, scale=options.scale)
        self._work: Work[None, None, Upscaled] | None = None
        self._result: Upscaled | None = None
        self._before: Snapshot | None = None
        self._slice_began = 0.0
        self._adapting = True
        self._adapt_seconds = 0.0
        self._upscale_seconds = 0.0

    def step(self, frame: Frame) -> Upscaled:
        """Adapt to a frame and upscale it.

        Raises:
            ResourceError: the device's memory is too small even for the smallest tile;
                the session is as it was before.
        """
        self.begin(frame)
        return self.finish()

    def begin(self, frame: Frame) -> None:
        """Take a frame up."""
        if self._work is not None:
            raise RuntimeError("the frame before is neither finished nor abandoned")
        self._before = self._carried.snapshot()
        self._result = None
        self._adapting = True
        self._adapt_seconds = self._upscale_seconds = 0.0
        self._work = self._whole(frame)

    def advance(self, seconds: float) -> bool:
        """Work about `seconds`, one step or tile at least; true when the frame is ready.

        Raises:
            ResourceError: as `step`.
        """
        end = self._clock() + seconds
        while not self._unit():
            if self._clock() >= end:
                return False
        return True

    def finish(self) -> Upscaled:
        """Do whatever is left and return the result.

        Raises:
            ResourceError: as `step`.
        """
        while not self._unit():
            pass
        result, self._result = self._result, None
        self._work = self._before = None
        assert result is not None  # noqa: S101 - set by the last unit
        return result

    def abandon(self) -> None:
        """Drop the frame in hand; everything is as it was before `begin`."""
        if self._before is not None:
            self._carried.restore(self._before)
        self._work = self._before = self._result = None

    def dump(self) -> bytes:
        """Return all that is carried from frame to frame; between frames only."""
        if self._work is not None:
            raise RuntimeError("a frame is in hand: finish or abandon it first")
        return self._carried.dump()

    def load(self, blob: bytes) -> None:
        """Continue where `dump` left off.

        Raises:
            StateError: of another network, scale or seed, or damaged; nothing changed.
        """
        if self._work is not None:
            raise RuntimeError("a frame is in hand: finish or abandon it first")
        self._carried.load(blob)

    def _unit(self) -> bool:
        """Do one unit of the frame's work; true when there is none left."""
        if self._result is not None:
            return True
        if self._work is None:
            raise RuntimeError("no frame is in hand: call begin first")
        self._slice_began = self._clock()
        try:
            next(self._work)
        except StopIteration as stop:
            self._result = stop.value
            return True
        except Exception:
            self.abandon()
            raise
        self._account()
        return False

    def _account(self) -> None:
        """Book the time since the slice began to what was being done."""
        now = self._clock()
        if self._adapting:
            self._adapt_seconds += now - self._slice_began
        else:
            self._upscale_seconds += now - self._slice_began
        self._slice_began = now

    def _adapt_spent(self) -> float:
        return self._adapt_seconds + self._clock() - self._slice_began

    def _whole(self, frame: Frame) -> Work[None, None, Upscaled]:
        """All the work on one frame, a step or a tile at a time."""
        pixels, scale = frame.picture.pixels, self._options.scale
        colour, alpha = to_tensors(pixels, self._device)
        seen = _Adaptation(Outcome.FALLBACK)
        high = None
        if min(colour.shape[-2:]) >= SMALLEST_SIDE:
            seen = yield from self._adapt(colour)
            self._account()
            self._adapting = False
            high = yield from self._upscaler.enlarge(colour)
            if not bool(torch.isfinite(high).all()):
                seen.outcome, high = Outcome.FALLBACK, None
        if high is None:
            high = enlarge(colour, scale)
        if alpha is not None:
            alpha = enlarge(alpha, scale)
        enlarged = to_pixels(high, alpha, pixels)
        self._account()
        stats = AdaptStats(
            **asdict(seen),
            scale=scale,
            net=self._carried.net_name,
            preset=self._options.preset,
            device=str(self._device),
            adapt_ms=self._adapt_seconds * 1e3,
            upscale_ms=self._upscale_seconds * 1e3,
        )
        return Upscaled(frame, enlarged, stats)

    def _adapt(self, frame: Tensor) -> Work[None, None, _Adaptation]:
        """Adapt to [1, 3, H, W]; afterwards the weights are those to upscale it with."""
        options, carried = self._options.adapt, self._carried
        thumbnail = scene.thumbnail(frame)
        seen = _Adaptation(scene_change=scene.changed(carried.thumbnail, thumbnail))
        carried.thumbnail = thumbnail
        if options.mode == "per-frame":
            carried.start_afresh()
        flat = float(frame.std()) < FLAT_STD
        if options.mode == "frozen" or not options.steps or flat:
            return seen
        heldout = self._hold_out(frame)
        was_reset = heldout is not None and self._examine_carried(heldout, seen)
        yield
        trainable = torch.ones_like(frame[:, :1])
        pairs = Pairs(
            frame,
            trainable if heldout is None else heldout.trainable,
            options=options,
            scale=self._options.scale,
            generator=carried.random,
        )
        start = carried.snapshot()
        converged = yield from self._train(pairs, seen)
        if heldout is not None:
            seen.heldout_psnr_after = heldout.psnr(carried.net)
        if self._is_worth_keeping(seen):
            kept = Outcome.CONVERGED if converged else Outcome.ADAPTED
            seen.outcome = Outcome.RESET if was_reset else kept
        else:
            carried.restore(start)
            seen.outcome = Outcome.ROLLED_BACK
        seen.weight_change = carried.change_since(start)
        return seen

    def _hold_out(self, frame: Tensor) -> HeldOut | None:
        share = self._options.adapt.heldout
        if not share:
            return None
        return HeldOut(
            frame,
            share=share,
            scale=self._options.scale,
            margin=self._carried.net.reach * self._options.scale,
            generator=self._carried.random,
        )

    def _examine_carried(self, heldout: HeldOut, seen: _Adaptation) -> bool:
        """Fill in the dB before; true if the carried weights had to be given up."""
        bicubic, before = heldout.psnr_of_bicubic(), heldout.psnr(self._carried.net)
        was_reset = self._options.adapt.judge == "enforce" and (
            judge.carried_are_unusable(before, bicubic)
        )
        if was_reset:
            self._carried.start_afresh()
            before = heldout.psnr(self._carried.net)
        seen.heldout_psnr_bicubic, seen.heldout_psnr_before = bicubic, before
        return was_reset

    def _train(self, pairs: Pairs, seen: _Adaptation) -> Work[None, None, bool]:
        """Take the steps and fill in the losses; true if they stopped falling.

        Out of memory counts as a loss that is not finite: the frame is upscaled with the
        weights from before.
        """
        adapter = self._carried.adapter
        if not self._options.adapt.carry_moments:
            adapter.forget()
        trace = Trace()
        try:
            probe = pairs.batch(0)
            seen.loss_before = adapter.loss_on(probe)
            trace = yield from adapter.run(
                pairs, noise=self._carried.random, spent=self._adapt_spent
            )
            seen.loss_after = adapter.loss_on(probe)
        except torch.OutOfMemoryError:
            seen.loss_after = math.nan
        seen.steps = trace.steps
        return trace.converged

    def _is_worth_keeping(self, seen: _Adaptation) -> bool:
        if not self._carried.is_finite():
            return False
        if seen.loss_after is not None and not math.isfinite(seen.loss_after):
            return False
        before, after = seen.heldout_psnr_before, seen.heldout_psnr_after
        if before is None or after is None or self._options.adapt.judge == "observe":
            return True
        return not judge.made_it_worse(before, after)
