"""One stream's memory: adapt to a frame, upscale it, carry the weights to the next.

    frame ─► reset? ─► steps on pairs from the frame ─► judge: keep or roll back ─► upscale

Everything random comes from the session's own generator, so that the same frames and seed
give the same output, bit for bit on a CPU, also when dumped and loaded in between.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from collections.abc import Generator as Work
from contextlib import contextmanager
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from srstream.engine import judge, scene
from srstream.engine.adapt import Trace
from srstream.engine.carried import Carried, Snapshot
from srstream.engine.device import is_lost, is_out_of_memory
from srstream.engine.heldout import HeldOut
from srstream.engine.luma import luma
from srstream.engine.options import SessionOptions
from srstream.engine.pairs import Pairs
from srstream.engine.resample import enlarge
from srstream.engine.seen import Seen
from srstream.engine.tensors import check_pixels, to_pixels, to_tensors
from srstream.engine.upscale import Upscaler
from srstream.engine.weights import Weights
from srstream.errors import DeviceLostError, ResourceError
from srstream.frames import Frame, Outcome, Pixels, Upscaled

SMALLEST_SIDE = 16
"""Frames with a shorter side are upscaled by bicubic: there is nothing to learn from."""


class Session:
    """Adapts a network to the frames of one stream and upscales them.

    Not thread-safe: all calls from one thread. `step` does a whole frame; `begin`,
    `advance` and `finish` do the same in slices.

    Any call, making a session included, may find that the device is lost and raise
    `DeviceLostError`. From then on every call raises it at once, and what is carried is
    out of reach; only `abandon` is silent, as there is nothing left to restore.

    Time decides nothing but how long `advance` works, the end of the steps where
    `adapt.seconds` is set, and the milliseconds that are reported.
    """

    def __init__(
        self,
        options: SessionOptions,
        *,
        weights: Weights | None = None,
        device: torch.device | str = "cpu",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Make the network.

        Args:
            options: their `precision` "auto" is float32 here: nothing was measured.
            weights: the initial ones; those that `options.weights` names.
            device: where it computes.
            clock: in seconds.

        Raises:
            ValueError: the options and the weights do not fit together.
            StateError: the arrays of the weights do not fit their network.
            DeviceLostError: as `step`.
        """
        self._options = options
        self._device = torch.device(device)
        self._clock = clock
        self._lost: str | None = None
        with self._noticing_loss():
            self._carried = Carried(options, self._device, weights=weights)
        self._upscaler = Upscaler(
            self._carried.net, options.upscale, scale=options.scale, device=self._device
        )
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
            DeviceLostError: the device does not answer any more.
        """
        self.begin(frame)
        return self.finish()

    def begin(self, frame: Frame) -> None:
        """Take a frame up.

        Raises:
            FrameError: its pixels are not as `Pixels` says.
            DeviceLostError: as `step`.
        """
        if self._work is not None:
            raise RuntimeError("the frame before is neither finished nor abandoned")
        check_pixels(frame.picture.pixels)
        with self._noticing_loss():
            self._before = self._carried.snapshot()
        self._result = None
        self._adapting = True
        self._adapt_seconds = self._upscale_seconds = 0.0
        self._work = self._whole(frame, self._before)

    def advance(self, seconds: float) -> bool:
        """Work about `seconds`, one unit at least; true when the frame is ready.

        A unit is a step, a tile, or what lies before and after them.

        Raises:
            ResourceError, DeviceLostError: as `step`.
        """
        with self._noticing_loss():
            end = self._clock() + seconds
            while not self._unit():
                if self._clock() >= end:
                    return False
        return True

    def finish(self) -> Upscaled:
        """Do whatever is left and return the result.

        Raises:
            ResourceError, DeviceLostError: as `step`.
        """
        with self._noticing_loss():
            while not self._unit():
                pass
        result, self._result = self._result, None
        self._work = self._before = None
        assert result is not None  # noqa: S101 - set by the last unit
        return result

    def abandon(self) -> None:
        """Drop the frame in hand; everything is as it was before `begin`.

        After a `DeviceLostError` it does nothing, so that it can follow any error.

        Raises:
            DeviceLostError: it is this call that finds the device lost.
        """
        if self._lost is None:
            with self._noticing_loss():
                self._drop()

    def dump(self) -> bytes:
        """Return all that is carried from frame to frame; between frames only.

        Raises:
            DeviceLostError: as `step`.
        """
        if self._work is not None:
            raise RuntimeError("a frame is in hand: finish or abandon it first")
        with self._noticing_loss():
            return self._carried.dump()

    def load(self, blob: bytes) -> None:
        """Continue where `dump` left off.

        Raises:
            StateError: of another network, scale or seed, or damaged; nothing changed.
            DeviceLostError: as `step`.
        """
        if self._work is not None:
            raise RuntimeError("a frame is in hand: finish or abandon it first")
        with self._noticing_loss():
            self._carried.load(blob)

    @contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        """Raise `DeviceLostError` if the device is lost, or gets lost in here."""
        if self._lost is not None:
            raise DeviceLostError(self._lost)
        try:
            yield
        except RuntimeError as error:
            if not is_lost(error):
                raise
            reason = str(error).partition("\n")[0]
            self._lost = f"{self._device} does not answer any more: {reason}"
            self._work = self._before = self._result = None
            raise DeviceLostError(self._lost) from error

    def _drop(self) -> None:
        if self._before is not None:
            self._carried.restore(self._before)
        self._work = self._before = self._result = None

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
        except BaseException as error:
            if isinstance(error, RuntimeError) and is_lost(error):
                raise  # nothing can be restored
            self._drop()
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise ResourceError(
                    f"no memory for this frame: {str(error).splitlines()[0]}"
                ) from error
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

    def _whole(self, frame: Frame, before: Snapshot) -> Work[None, None, Upscaled]:
        """All the work on one frame, a step or a tile at a time."""
        pixels, scale = frame.picture.pixels, self._options.scale
        net = self._carried.net
        net.precision = self._precision(pixels)
        colour, alpha = to_tensors(pixels, self._device, colours=net.colours)
        yield
        seen = Seen(Outcome.FALLBACK)
        if min(colour.shape[-2:]) >= SMALLEST_SIDE:
            seen.outcome = Outcome.SKIPPED
            yield from self._adapt_if_memory_allows(colour, before, seen)
        self._account()
        self._adapting = False
        high = None
        if seen.outcome is not Outcome.FALLBACK:
            high = yield from self._upscaler.enlarge(colour)
            if not math.isfinite(float(high.sum())):  # in a tenth of the time of `isfinite`
                seen.outcome, high = Outcome.FALLBACK, None
        if high is None:
            high = enlarge(colour, scale)
        yield
        if alpha is not None:
            alpha = enlarge(alpha, scale)
        enlarged = to_pixels(high, alpha, pixels)
        self._account()
        stats = seen.stats(
            scale=scale,
            net=self._carried.net_name,
            preset=self._options.preset,
            device=str(self._device),
            adapt_ms=self._adapt_seconds * 1e3,
            upscale_ms=self._upscale_seconds * 1e3,
        )
        return Upscaled(frame, enlarged, stats)

    def _precision(self, pixels: Pixels) -> torch.dtype:
        """Return that of the convolutions: half of 16 bits would be lost in bfloat16."""
        is_short = self._options.precision == "bfloat16" and pixels.dtype == np.uint8
        return torch.bfloat16 if is_short else torch.float32

    def _adapt_if_memory_allows(
        self, frame: Tensor, before: Snapshot, seen: Seen
    ) -> Work[None, None, None]:
        """Adapt; out of memory costs the adaptation, not the frame."""
        try:
            yield from self._adapt(frame, seen)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._carried.restore(before)
            seen.outcome, seen.weight_change = Outcome.ROLLED_BACK, 0.0

    def _adapt(self, frame: Tensor, seen: Seen) -> Work[None, None, None]:
        """Adapt to [1, C, H, W]; afterwards the weights are those to upscale it with.

        Unless `seen` says fallback: then they are those to go on with at the next frame.
        """
        options, carried = self._options.adapt, self._carried
        thumbnail = scene.thumbnail(frame)
        seen.scene_change = scene.changed(carried.thumbnail, thumbnail)
        carried.thumbnail = thumbnail
        if options.mode == "per-frame":
            carried.start_afresh()
        if options.mode == "frozen" or not options.steps:
            return
        if frame.shape[1] != carried.net.colours:
            frame = luma(frame)
        if scene.is_flat(frame):
            return
        start = carried.snapshot()
        heldout = self._hold_out(frame)
        yield
        was_reset = heldout is not None and self._examine_carried(heldout, seen)
        yield
        pairs = Pairs(
            frame,
            torch.ones_like(frame[:, :1]) if heldout is None else heldout.trainable,
            options=options,
            scale=self._options.scale,
            generator=carried.random,
        )
        yield
        trace = yield from self._train(pairs, seen)
        if heldout is not None:
            seen.heldout_psnr_after = heldout.psnr(carried.net)
        if not trace.steps and not was_reset:
            return
        if self._is_worth_keeping(seen, was_reset=was_reset):
            if trace.steps:
                carried.learnt(trace.steps)
            kept = Outcome.CONVERGED if trace.converged else Outcome.ADAPTED
            seen.outcome = Outcome.RESET if was_reset else kept
        else:
            # After a reset neither the carried weights nor the new ones are any good for
            # this frame; the carried ones may be for the next.
            carried.restore(start)
            seen.outcome = Outcome.FALLBACK if was_reset else Outcome.ROLLED_BACK
        seen.weight_change = carried.change_since(start)

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

    def _examine_carried(self, heldout: HeldOut, seen: Seen) -> bool:
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

    def _train(self, pairs: Pairs, seen: Seen) -> Work[None, None, Trace]:
        """Take the steps and fill in the losses."""
        adapter, trace = self._carried.adapter, Trace()
        batches = pairs.batches()
        probe = next(batches)
        if self._carried.net.is_noisy:
            seen.loss_before = adapter.loss_on(probe)
        try:
            yield from adapter.run(
                chain([probe], batches),
                trace=trace,
                noise=self._carried.random,
                spent=self._adapt_spent,
            )
        finally:
            seen.steps = trace.steps
        if trace.losses and seen.loss_before is None:
            seen.loss_before = float(trace.losses[0])
        seen.loss_after = adapter.loss_on(probe)
        if not self._options.adapt.carry_moments:
            adapter.forget()
        return trace

    def _is_worth_keeping(self, seen: Seen, *, was_reset: bool) -> bool:
        if not self._carried.is_finite():
            return False
        if seen.loss_after is not None and not math.isfinite(seen.loss_after):
            return False
        before, after = seen.heldout_psnr_before, seen.heldout_psnr_after
        if before is None or after is None or self._options.adapt.judge == "observe":
            return True
        # Initial weights, where they were trained, may be below bicubic here themselves.
        bicubic = seen.heldout_psnr_bicubic if was_reset else None
        is_unusable = bicubic is not None and judge.carried_are_unusable(after, bicubic)
        return not is_unusable and not judge.made_it_worse(before, after)
