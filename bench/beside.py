"""Frames through a network that learns beside them: what the parts of the engine can do.

A frame is sent to the device from pinned memory, enlarged with the weights of the frame
before, and sent back; the steps on it run on a stream of their own meanwhile, and what they
learnt is published behind it. Nothing is judged, and the host waits for a frame only when
two more are on their way. So this is the most that a session on two streams could reach; on
a CPU all is done in turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from bench.units import finished
from srstream.engine import SessionOptions
from srstream.engine.adapt import Trace
from srstream.engine.carried import Carried
from srstream.engine.luma import luma
from srstream.engine.pairs import Pairs, all_of
from srstream.engine.streams import computing_on, ordered_after, reached, side_stream
from srstream.engine.tensors import Sent, send_pixels, to_tensors
from srstream.engine.upscale import Upscaler
from srstream.frames import Pixels

ON_THEIR_WAY = 2
"""Frames that were begun and not waited for."""


class Beside:
    """Learns on one stream and enlarges on another."""

    def __init__(
        self, carried: Carried, settings: SessionOptions, device: torch.device
    ) -> None:
        """Take the networks of `carried`, in the precision that the settings tell."""
        self._carried = carried
        self._settings = settings
        self._device = device
        self._learning = side_stream(device)
        for each in carried.networks:
            each.precision = getattr(torch, settings.precision)
        self._upscaler = Upscaler(
            carried.published, settings.upscale, scale=settings.scale, device=device
        )

    def enlarged(self, lows: Iterable[Pixels]) -> Iterator[Pixels]:
        """Yield frames [h, w, C] enlarged, in their order."""
        on_their_way: deque[Sent] = deque()
        for low in lows:
            on_their_way.append(self._begun(low))
            if len(on_their_way) > ON_THEIR_WAY:
                yield on_their_way.popleft().wait()
        for sent in on_their_way:
            yield sent.wait()

    def _begun(self, low: Pixels) -> Sent:
        device = self._device
        colour, alpha = to_tensors(low, device, colours=self._carried.net.colours)
        sent_there = reached(device)
        with computing_on(self._learning):
            ordered_after(sent_there, device)  # and after what was published before
            self._learn(colour)
            learnt = reached(device)
        high = finished(self._upscaler.enlarge(colour))
        sent = send_pixels(high, alpha, low)
        # Whatever the other stream reads is freed by this one, so after it.
        ordered_after(learnt, device)
        self._carried.publish()
        return sent

    def _learn(self, colour: Tensor) -> None:
        carried, adapt = self._carried, self._settings.adapt
        frame = colour if colour.shape[1] == carried.net.colours else luma(colour)
        pairs = Pairs(
            frame,
            all_of(frame),
            options=adapt,
            scale=self._settings.scale,
            generator=carried.random,
        )
        finished(
            carried.adapter.run(
                pairs.batches(),
                steps=adapt.steps,
                trace=Trace(),
                noise=carried.random,
                spent=lambda: 0.0,
            )
        )
