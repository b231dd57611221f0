"""One stream's memory: adapt to a frame, upscale it, carry the weights to the next.

    frame ─► a new scene? ─► steps on pairs from it ─► exam: which weights? ─► upscale

Everything random comes from the session's own generator, so that the same frames and seed
give the same output, bit for bit on a CPU, also when dumped and loaded in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from collections.abc import Generator as Work
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from srstream.engine.adaptation import Adaptation
from srstream.engine.carried import Carried, Snapshot
from srstream.engine.carried_state import dump, load
from srstream.engine.device import is_lost, is_out_of_memory
from srstream.engine.finite import finite_sum, is_finite, read
from srstream.engine.options import SessionOptions
from srstream.engine.resample import enlarge
from srstream.engine.seen import Seen
from srstream.engine.streams import computing_on, ordered_after, reached, side_stream
from srstream.engine.taught import Lesson
from srstream.engine.tensors import check_pixels, to_pixels, to_tensors
from srstream.engine.upscale import Upscaler
from srstream.engine.weights import Weights
from srstream.errors import DeviceLostError, ResourceError
from srstream.frames import Frame, Outcome, Pixels, Upscaled, Used

_END = object()

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
    `adapt.seconds` or `adapt.target_fps` is set, and the milliseconds that are reported.
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
        self._adaptation = Adaptation(
            options, self._carried, clock=clock, spent=self._adapt_spent
        )
        self._upscaler = Upscaler(
            self._carried.published,
            options.upscale,
            scale=options.scale,
            device=self._device,
        )
        self._side = side_stream(self._device)
        """Of the device: what is learnt beside another session's enlarging."""
        self._taught_from: Snapshot | None = None
        """While a lesson is in hand: what was carried before it."""
        self._work: Work[None, None, Upscaled] | None = None
        self._result: Upscaled | None = None
        self._before: Snapshot | None = None
        self._slice_began = 0.0
        self._adapting = True
        self._adapt_seconds = 0.0
        self._upscale_seconds = 0.0

    def teach(self, lesson: Lesson) -> None:
        """Use what another session learnt, from the next frame on.

        That one is made alike, but with `adapt.thread` "same", and may compute on another
        thread; this one takes no steps of its own. Between frames only.

        Raises:
            RuntimeError: this one is to learn by itself.
        """
        self._adaptation.teach(lesson)

    def learn(self, frame: Frame) -> Work[None, None, Lesson]:
        """Adapt to a frame without upscaling it, in units, for a session beside this one.

        Raises:
            FrameError, DeviceLostError: as `begin`.
        """
        pixels = frame.picture.pixels
        check_pixels(pixels)
        self._adapt_seconds, self._slice_began = 0.0, self._clock()
        made = reached(self._device)
        with self._noticing_loss(), computing_on(self._side):
            ordered_after(made, self._device)
            self._taught_from = before = self._carried.snapshot()
            self._set_precision(pixels)
            colours = self._carried.net.colours
            colour, _ = to_tensors(pixels, self._device, colours=colours)
        seen = Seen(Outcome.SKIPPED)
        work = self._adaptation.to(frame, colour, before, seen)
        while min(colour.shape[-2:]) >= SMALLEST_SIDE:
            with self._noticing_loss(), computing_on(self._side):
                if next(work, _END) is _END:
                    break
            yield
        with self._noticing_loss(), computing_on(self._side):
            self._taught_from = None
            return self._lesson(frame.id.seq, seen)

    def present(self) -> Lesson:
        """Return what is known already, as a lesson."""
        return self._lesson(0, None)

    def _lesson(self, seq: int, seen: Seen | None) -> Lesson:
        weights = self._carried.published_weights.copy()
        copied = reached(self._device)
        if copied is not None:
            copied.synchronize()  # whoever takes them over computes on another stream
        thumbnail = self._carried.thumbnail
        return Lesson(weights, self._carried.progress, seen, seq, thumbnail)

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
            if self._side is not None:
                self._side.synchronize()
            self._carried.last = self._adaptation.digest_of_last()
            # Of a lesson in hand nothing is kept yet.
            return dump(self._carried, self._taught_from or self._carried.snapshot())

    def load(self, blob: bytes) -> None:
        """Continue where `dump` left off.

        Raises:
            StateError: of another network, scale or seed, or damaged; nothing changed.
            DeviceLostError: as `step`.
        """
        if self._work is not None:
            raise RuntimeError("a frame is in hand: finish or abandon it first")
        with self._noticing_loss():
            load(self._carried, blob)
            self._adaptation.learning.resume()
        self._adaptation.forget_last()

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
        if self._work is not None:
            self._work.close()  # now: it may put things back itself
        if self._before is not None:
            self._carried.restore(self._before)
            self._adaptation.learning.put_down()
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
        pixels, carried = frame.picture.pixels, self._carried
        self._adaptation.begin()
        self._set_precision(pixels)
        colour, alpha = to_tensors(pixels, self._device, colours=carried.net.colours)
        yield
        seen = Seen(Outcome.FALLBACK, used=Used.BICUBIC)
        if min(colour.shape[-2:]) >= SMALLEST_SIDE:
            seen.outcome, seen.used = Outcome.SKIPPED, Used.FROZEN
            yield from self._adaptation.to(frame, colour, before, seen)
        self._account()
        self._adapting = False
        enlarged = self._adaptation.again()
        is_new = enlarged is None
        if enlarged is None:
            enlarged = yield from self._enlarged(colour, alpha, seen, like=pixels)
        self._account()
        stats = seen.stats(
            scale=self._options.scale,
            net=carried.net_name,
            preset=self._options.preset,
            device=str(self._device),
            adapt_ms=self._adapt_seconds * 1e3,
            upscale_ms=self._upscale_seconds * 1e3,
            deadline_missed=self._adaptation.end(
                frame,
                enlarged,
                self._upscale_seconds if is_new and seen.used is not Used.BICUBIC else None,
            ),
        )
        return Upscaled(frame, enlarged, stats)

    def _enlarged(
        self, colour: Tensor, alpha: Tensor | None, seen: Seen, *, like: Pixels
    ) -> Work[None, None, Pixels]:
        """Return the pixels: by the weights in use, else the initial ones, else bicubic."""
        high = None
        if seen.used is not Used.BICUBIC:
            high = yield from self._finite(colour)
            if high is None and seen.used is not Used.FROZEN:
                self._adaptation.learning.start_afresh()
                seen.outcome, seen.used = Outcome.RESET, Used.FROZEN
                seen.heldout_gain = 0.0
                high = yield from self._finite(colour)
        if high is None:
            if seen.used is not Used.BICUBIC:
                seen.heldout_gain = None
            seen.outcome, seen.used = Outcome.FALLBACK, Used.BICUBIC
            high = enlarge(colour, self._options.scale)
        yield
        if alpha is not None:
            alpha = enlarge(alpha, self._options.scale)
        return to_pixels(high, alpha, like)

    def _finite(self, colour: Tensor) -> Work[None, None, Tensor | None]:
        """Return the enlargement, or None if something in it is not finite."""
        high = yield from self._upscaler.enlarge(colour)
        # A network of luma gives all colours the same. A sum is faster than `isfinite`.
        learnt = high[:, : self._carried.net.colours]
        (total,) = read(finite_sum(learnt))
        return high if is_finite(total) else None

    def _set_precision(self, pixels: Pixels) -> None:
        """Set that of the convolutions: half of 16 bits would be lost in bfloat16."""
        is_short = self._options.precision == "bfloat16" and pixels.dtype == np.uint8
        for each in self._carried.networks:
            each.precision = torch.bfloat16 if is_short else torch.float32
